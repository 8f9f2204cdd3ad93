// What a peer sends on its streams: headers of frames, streams of frames, bitfields in what it says that it holds.
import { isModelswarmError } from '../../src/errors.ts'
import { PeerState } from '../../src/swarm/peer-state.ts'
import { decodeFrame, encodeFrame } from '../../src/wire/codec.ts'
import { FrameReader } from '../../src/wire/frame-reader.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { Random } from '../random.ts'
import { concat } from './bytes.ts'
import { bendProtobuf } from './protobuf.ts'
import type { Message } from '../../src/wire/messages.ts'
import type { Decoder } from './decoder.ts'

const isBadFrame = (err: unknown): boolean => isModelswarmError(err, 'ERR_BAD_FRAME')

/** One header: whatever is accepted is the same when it is written and read again. */
export const frameHeader: Decoder = {
  name: 'frame header',
  make: random => bodyOf(anyMessage(random)),
  bend: bendProtobuf,
  decode: input => {
    const message = decodeFrame(input)
    if (message === undefined) return
    const once = encodeFrame(message)
    const again = decodeFrame(bodyOf(message))
    if (again === undefined || !sameBytes(once, encodeFrame(again))) throw new Error('Reads differently once written again')
  },
  isRefusal: isBadFrame
}

/** A control or data stream, in chunks that end anywhere. */
export const frameStream: Decoder = {
  name: 'frame stream',
  make: random => concat(...Array.from({ length: random.between(1, 6) }, () => {
    const message = anyMessage(random)
    if (message.type !== 'block') return encodeFrame(message)
    const payloadBytes = random.below(200)
    return concat(encodeFrame({ ...message, payloadBytes }), random.bytes(payloadBytes))
  })),
  decode: input => {
    const random = new Random(input.byteLength, input[0] ?? 0)
    const most = random.chance(0.5) ? WIRE_LIMITS.dataHeaderBytes : WIRE_LIMITS.frameHeaderBytes
    let expected = 0
    const reader = new FrameReader({
      onMessage: () => {},
      onUnknown: () => {},
      onBlockStart: block => {
        expected = block.payloadBytes
        return true
      },
      onBlock: (_block, payload) => { if (payload.byteLength !== expected) throw new Error('Payload of another size') }
    }, WIRE_LIMITS.helloBytes, most, bytes => {
      if (bytes > WIRE_LIMITS.payloadBytes) throw new Error(`Takes ${bytes} bytes`)
      return new Uint8Array(bytes)
    })
    for (let at = 0; at < input.byteLength;) {
      const end = at + random.between(1, 64)
      reader.push(input.subarray(at, end))
      at = end
    }
  },
  isRefusal: isBadFrame
}

/** A Holdings message, and the Haves before it: the first bytes say of how many blocks the model is. */
export const holdings: Decoder = {
  name: 'holdings',
  make: random => {
    const blocks = random.below(300)
    return concat(Uint8Array.of(blocks >> 8, blocks & 0xff), bodyOf(anyHoldings(random, blocks)))
  },
  bend: (bytes, random) => concat(bytes.subarray(0, 2), bendProtobuf(bytes.subarray(2), random)),
  decode: input => {
    const blockCount = (input[0] ?? 0) * 256 + (input[1] ?? 0)
    const message = decodeFrame(input.subarray(2))
    if (message?.type !== 'holdings') return
    const their = new PeerState()
    their.onHoldings(message)
    their.onEarlyHave([0, blockCount - 1, blockCount, 2 ** 32 - 1].filter(index => index >= 0))
    their.readHoldings(blockCount)
    for (const field of [their.holdings, their.unwanted]) {
      if (field !== undefined && [...field.indexes()].length !== field.count) throw new Error('Counts other bits than it has')
    }
  },
  // RangeError is what Bitfield throws by its contract, and the session answers.
  isRefusal: err => isBadFrame(err) || (err instanceof RangeError && !('code' in err))
}

function bodyOf (message: Message): Uint8Array {
  const frame = encodeFrame(message)
  return frame.subarray(frame.findIndex(byte => byte < 0x80) + 1)
}

const U32 = 0xffff_ffff

function anyMessage (random: Random): Message {
  const u32 = (): number => random.pick([0, 1, 127, 128, 16_383, U32, random.next()])
  const u53 = (): number => random.pick([0, 1, 2 ** 40, Number.MAX_SAFE_INTEGER])
  const indexes = (): number[] => Array.from({ length: random.below(12) }, u32)
  const cids = (): Uint8Array[] => Array.from({ length: random.below(4) }, () => anyCid(random))
  switch (random.below(13)) {
    case 0: return {
      type: 'hello',
      proof: random.bytes(32),
      features: u32(),
      encodings: indexes(),
      mode: random.below(5),
      tree: random.chance(0.5),
      token: random.bytes(random.pick([0, 16, 64]))
    }
    case 1: return { type: 'attach', token: random.bytes(random.pick([0, 16, 64])) }
    case 2: return anyHoldings(random, random.below(300))
    case 3: return { type: 'have', indexes: indexes(), ...(random.chance(0.3) && { coming: indexes() }) }
    case 4: return { type: 'want', upTo: u53(), modes: 0 }
    case 5: return { type: 'mode', mode: u32(), given: u53() }
    case 6: return { type: 'request', indexes: indexes(), cids: cids() }
    case 7: return { type: 'reject', indexes: indexes(), cids: cids(), reason: u32(), retryAfterMs: u32() }
    case 8: return { type: 'cancel', indexes: indexes() }
    case 9: return { type: 'peers', records: Array.from({ length: random.below(4) }, () => random.bytes(random.below(100))) }
    case 10: return { type: 'alive', answer: random.chance(0.5) }
    case 11: return { type: 'bye', reason: u32() }
    default: return {
      type: 'block',
      index: u32(),
      cid: random.chance(0.5) ? undefined : anyCid(random),
      payloadBytes: random.pick([0, 1, 65_536, WIRE_LIMITS.payloadBytes]),
      encoding: random.below(3)
    }
  }
}

function anyHoldings (random: Random, blocks: number): Message {
  const bits = (): Uint8Array => {
    if (random.chance(0.4)) return new Uint8Array(0)
    const bytes = random.bytes(Math.ceil(blocks / 8))
    if (blocks % 8 !== 0) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) & (2 ** (blocks % 8) - 1)
    return bytes
  }
  return { type: 'holdings', blocks, all: random.chance(0.3), bits: bits(), unwanted: bits() }
}

function anyCid (random: Random): Uint8Array {
  return concat(Uint8Array.of(1, random.pick([0x55, 0x70]), 0x12, 32), random.bytes(32))
}

function sameBytes (a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
