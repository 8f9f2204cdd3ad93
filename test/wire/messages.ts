// Messages for tests: one list for the vectors, and arbitraries for properties.
import fc from 'fast-check'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import type { Message } from '../../src/wire/messages.ts'

const bytes = (length: number, start = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (start + i) & 0xff)
const U32 = 0xffffffff

/** One message of each kind, and those at the edges. Names and order are those of vectors/wire.json. */
export const CASES: Record<string, Message> = {
  'hello of an opener': {
    type: 'hello', proof: bytes(32), features: 0, encodings: [0], mode: 0, tree: false, token: bytes(0)
  },
  'hello of a publisher that accepts': {
    type: 'hello', proof: bytes(32, 100), features: 0, encodings: [0], mode: 1, tree: true, token: bytes(16, 7)
  },
  'hello with every feature': {
    type: 'hello', proof: bytes(32), features: U32, encodings: [0, 1, 2, 300, U32], mode: 3, tree: true, token: bytes(64)
  },
  attach: { type: 'attach', token: bytes(16, 7) },
  'holdings of nothing': { type: 'holdings', blocks: 10, all: false, bits: bytes(0), unwanted: bytes(0) },
  'holdings of all': { type: 'holdings', blocks: 1000, all: true, bits: bytes(0), unwanted: bytes(0) },
  'holdings of some, some unwanted': {
    type: 'holdings', blocks: 10, all: false, bits: Uint8Array.of(0b10000001, 0b10), unwanted: Uint8Array.of(0b01111110, 0)
  },
  'holdings of the largest model': {
    type: 'holdings', blocks: WIRE_LIMITS.blocks, all: true, bits: bytes(0), unwanted: bytes(0)
  },
  'have of one': { type: 'have', indexes: [0] },
  'have with a queueing time': { type: 'have', indexes: [7], queuedMs: 250 },
  'have of several': { type: 'have', indexes: [1, 127, 128, 16383, 16384, WIRE_LIMITS.blocks - 1] },
  'have of what is coming': { type: 'have', indexes: [7], queuedMs: 250, coming: [8, 300] },
  'want of nothing': { type: 'want', upTo: 0, modes: 0 },
  'want of 512 KiB': { type: 'want', upTo: 512 * 1024, modes: 0 },
  'want of the most': { type: 'want', upTo: Number.MAX_SAFE_INTEGER, modes: 0 },
  'want after two modes': { type: 'want', upTo: 512 * 1024, modes: 2 },
  'mode open': { type: 'mode', mode: 0, given: 0 },
  'mode spare': { type: 'mode', mode: 2, given: 2 ** 40 },
  'request of blocks': { type: 'request', indexes: [3, 1, 2], cids: [] },
  'request of tree nodes': { type: 'request', indexes: [], cids: [cid(1), cid(2)] },
  'request of a tree node and what is below it': { type: 'request', indexes: [], cids: [cid(1)], belowBytes: 262144 },
  block: { type: 'block', index: 5, cid: undefined, payloadBytes: 65536, encoding: 0 },
  'block with the time of its sending': {
    type: 'block', index: 5, cid: undefined, payloadBytes: 65536, encoding: 0, sentMs: 0xfedcba98
  },
  'block 0 of no bytes': { type: 'block', index: 0, cid: undefined, payloadBytes: 0, encoding: 0 },
  'block with an encoding': { type: 'block', index: 1, cid: undefined, payloadBytes: 1000, encoding: 7 },
  'block that is a tree node': { type: 'block', index: 0, cid: cid(3), payloadBytes: 100, encoding: 0 },
  'block of the most bytes': {
    type: 'block', index: U32, cid: undefined, payloadBytes: WIRE_LIMITS.payloadBytes, encoding: 0
  },
  'reject of blocks': { type: 'reject', indexes: [9, 8], cids: [], reason: 3, retryAfterMs: 1000 },
  'reject of a tree node': { type: 'reject', indexes: [], cids: [cid(4)], reason: 0, retryAfterMs: 0 },
  cancel: { type: 'cancel', indexes: [300] },
  peers: { type: 'peers', records: [bytes(3), bytes(200)] },
  alive: { type: 'alive', answer: false },
  'alive, answered': { type: 'alive', answer: true },
  'bye stopping': { type: 'bye', reason: 0 },
  'bye for bad blocks': { type: 'bye', reason: 5 }
}

/** A CIDv1, dag-pb, sha2-256, of no bytes in particular. */
function cid (seed: number): Uint8Array {
  return Uint8Array.of(1, 0x70, 0x12, 32, ...bytes(32, seed))
}

const u32 = fc.oneof(fc.nat({ max: U32 }), fc.nat({ max: 300 }), fc.constantFrom(0, U32))
const u53 = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, Number.MAX_SAFE_INTEGER))
const indexes = fc.array(u32, { maxLength: 200 })
const cids = fc.array(fc.uint8Array({ minLength: 1, maxLength: WIRE_LIMITS.cidBytes }), { maxLength: 20 })
const short = fc.uint8Array({ maxLength: 64 })

/** Any message that can be sent. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    proof: short,
    features: u32,
    encodings: fc.array(u32, { maxLength: WIRE_LIMITS.encodings }),
    mode: u32,
    tree: fc.boolean(),
    token: short
  }),
  fc.record({ type: fc.constant('attach' as const), token: short }),
  fc.nat({ max: 4096 }).chain(blocks => fc.record({
    type: fc.constant('holdings' as const),
    blocks: fc.constant(blocks),
    all: fc.boolean(),
    bits: fc.uint8Array({ maxLength: Math.ceil(blocks / 8) }),
    unwanted: fc.uint8Array({ maxLength: Math.ceil(blocks / 8) })
  })),
  fc.record({ type: fc.constant('have' as const), indexes }),
  fc.record({
    type: fc.constant('have' as const),
    indexes,
    queuedMs: u32,
    coming: fc.array(u32, { minLength: 1, maxLength: 200 })
  }),
  fc.record({ type: fc.constant('want' as const), upTo: u53, modes: u32 }),
  fc.record({ type: fc.constant('mode' as const), mode: u32, given: u53 }),
  fc.record({ type: fc.constant('request' as const), indexes, cids }),
  fc.record({
    type: fc.constant('block' as const),
    index: u32,
    cid: fc.option(fc.uint8Array({ minLength: 1, maxLength: WIRE_LIMITS.cidBytes }), { nil: undefined }),
    payloadBytes: fc.nat({ max: 4096 }),
    encoding: u32
  }),
  fc.record({ type: fc.constant('reject' as const), indexes, cids, reason: u32, retryAfterMs: u32 }),
  fc.record({ type: fc.constant('cancel' as const), indexes }),
  fc.record({ type: fc.constant('peers' as const), records: fc.array(fc.uint8Array({ maxLength: 500 }), { maxLength: 32 }) }),
  fc.record({ type: fc.constant('alive' as const), answer: fc.boolean() }),
  fc.record({ type: fc.constant('bye' as const), reason: u32 })
)
