import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isModelswarmError, ModelswarmError } from '../../src/errors.ts'
import { decodeFrame, encodeFrame } from '../../src/wire/codec.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { anyMessage } from './messages.ts'
import type { Message } from '../../src/wire/messages.ts'

/** The header of a frame without its length. */
function bodyOf (message: Message): Uint8Array {
  const frame = encodeFrame(message)
  let at = 0
  while ((frame[at] ?? 0) >= 0x80) at++
  return frame.subarray(at + 1)
}

/** Decodes; anything thrown but ERR_BAD_FRAME is a failure of the test. */
function decodeOrRefuse (body: Uint8Array): Message | undefined {
  try {
    return decodeFrame(body)
  } catch (err) {
    if (!isModelswarmError(err, 'ERR_BAD_FRAME')) throw err
    return undefined
  }
}

function refusal (body: Uint8Array): unknown {
  try {
    return decodeFrame(body)
  } catch (err) {
    return err instanceof ModelswarmError ? err.code : err
  }
}

const bytes = (length: number): Uint8Array => new Uint8Array(length)

describe('codec', () => {
  it('gives any message back as it was', () => {
    fc.assert(fc.property(anyMessage, message => {
      expect(decodeFrame(bodyOf(message))).toEqual(message)
    }), { numRuns: 500 })
  })

  it('refuses garbage with its own error only', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), body => { decodeOrRefuse(body) }), { numRuns: 2000 })
  })

  it('refuses truncated messages with its own error only', () => {
    fc.assert(fc.property(anyMessage, fc.double({ min: 0, max: 1, noNaN: true }), (message, part) => {
      const body = bodyOf(message)
      decodeOrRefuse(body.subarray(0, Math.floor(body.byteLength * part)))
    }), { numRuns: 1000 })
  })

  it('refuses messages with changed bytes with its own error only, and reads nothing beyond its limits', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 })
    fc.assert(fc.property(anyMessage, changes, (message, places) => {
      const body = bodyOf(message).slice()
      for (const [at, value] of places) if (body.byteLength > 0) body[at % body.byteLength] = value
      const seen = decodeOrRefuse(body)
      if (seen?.type === 'block') expect(seen.payloadBytes).toBeLessThanOrEqual(WIRE_LIMITS.payloadBytes)
      if (seen?.type === 'want') expect(Number.isSafeInteger(seen.upTo)).toBe(true)
      if (seen?.type === 'mode') expect(Number.isSafeInteger(seen.given)).toBe(true)
      if (seen?.type === 'holdings') expect(seen.bits.byteLength).toBeLessThanOrEqual(Math.ceil(seen.blocks / 8))
    }), { numRuns: 2000 })
  })

  it.each([Uint8Array, Buffer])('keeps nothing of the bytes it read, whatever holds them: %o', kind => {
    const body = kind.from(bodyOf({ type: 'attach', token: Uint8Array.of(1, 2, 3) }))
    const message = decodeFrame(body)
    body.fill(0xff)
    expect(message).toEqual({ type: 'attach', token: Uint8Array.of(1, 2, 3) })
  })

  it('refuses two messages in one frame', () => {
    const two = Buffer.concat([bodyOf({ type: 'alive', answer: true }), bodyOf({ type: 'bye', reason: 0 })])
    expect(refusal(two)).toBe('ERR_BAD_FRAME')
  })

  it('knows no message in a frame without a known field', () => {
    expect(decodeFrame(Uint8Array.of(0x72, 2, 8, 1))).toBeUndefined()
    expect(decodeFrame(bytes(0))).toBeUndefined()
  })

  it('refuses packed lists, which PROTOCOL.md rules out', () => {
    expect(refusal(Uint8Array.of(0x22, 6, 0x0a, 4, 1, 0xac, 2, 0))).toBe('ERR_BAD_FRAME')
  })

  it('refuses numbers beyond 2^53 - 1', () => {
    expect(refusal(Uint8Array.of(0x2a, 9, 8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10))).toBe('ERR_BAD_FRAME')
  })

  const many = (length: number): number[] => Array.from({ length }, () => 1)
  const L = WIRE_LIMITS
  const overLimits: Array<[string, (more: number) => Message]> = [
    ['indexes of a have', more => ({ type: 'have', indexes: many(L.indexes + more) })],
    ['coming blocks of a have', more => ({ type: 'have', indexes: [], coming: many(L.comingBlocks + more) })],
    ['indexes of a request', more => ({ type: 'request', indexes: many(L.indexes + more), cids: [] })],
    ['indexes of a cancel', more => ({ type: 'cancel', indexes: many(L.indexes + more) })],
    ['indexes of a reject', more =>
      ({ type: 'reject', indexes: many(L.indexes + more), cids: [], reason: 0, retryAfterMs: 0 })],
    ['cids of a request', more =>
      ({ type: 'request', indexes: [], cids: many(L.cids + more).map(() => bytes(36)) })],
    ['cids of a reject', more =>
      ({ type: 'reject', indexes: [], cids: many(L.cids + more).map(() => bytes(36)), reason: 0, retryAfterMs: 0 })],
    ['bytes of a cid', more => ({ type: 'request', indexes: [], cids: [bytes(L.cidBytes + more)] })],
    ['bytes of the cid of a block', more =>
      ({ type: 'block', index: 0, cid: bytes(L.cidBytes + more), payloadBytes: 1, encoding: 0 })],
    ['payload of a block', more =>
      ({ type: 'block', index: 0, cid: undefined, payloadBytes: L.payloadBytes + more, encoding: 0 })],
    ['encodings of a hello', more => ({
      type: 'hello', proof: bytes(32), features: 0, encodings: many(L.encodings + more), mode: 0, tree: false, token: bytes(0)
    })],
    ['bytes of a proof', more =>
      ({ type: 'hello', proof: bytes(64 + more), features: 0, encodings: [], mode: 0, tree: false, token: bytes(0) })],
    ['bytes of a token', more => ({ type: 'attach', token: bytes(64 + more) })],
    ['blocks of holdings', more =>
      ({ type: 'holdings', blocks: L.blocks + more, all: true, bits: bytes(0), unwanted: bytes(0) })],
    ['bits of holdings', more =>
      ({ type: 'holdings', blocks: 16, all: false, bits: bytes(2 + more), unwanted: bytes(0) })],
    ['unwanted of holdings', more =>
      ({ type: 'holdings', blocks: 16, all: false, bits: bytes(0), unwanted: bytes(2 + more) })],
    ['peer records', more => ({ type: 'peers', records: many(L.peerRecords + more).map(() => bytes(10)) })],
    ['bytes of a peer record', more => ({ type: 'peers', records: [bytes(L.peerRecordBytes + more)] })]
  ]
  it.each(overLimits)('reads the most and refuses one more: %s', (_, make) => {
    expect(decodeFrame(bodyOf(make(0)))).toEqual(make(0))
    expect(refusal(bodyOf(make(1)))).toBe('ERR_BAD_FRAME')
  })

  it('writes the largest holdings within the limit of a header', () => {
    const most = bytes(L.blocks / 8)
    const frame = encodeFrame({ type: 'holdings', blocks: L.blocks, all: false, bits: most, unwanted: most })
    expect(frame.byteLength - 4).toBeLessThanOrEqual(L.frameHeaderBytes)
  })

  it('writes the largest block header within the limit of the data stream', () => {
    const frame = encodeFrame({
      type: 'block', index: 0xffffffff, cid: bytes(L.cidBytes), payloadBytes: L.payloadBytes, encoding: 0xffffffff
    })
    expect(frame.byteLength).toBeLessThanOrEqual(L.dataHeaderBytes)
  })

  it.each([2 ** 31 - 1, 2 ** 31, 3 * 2 ** 30, 2 ** 32 - 1, 2 ** 32, 2 ** 33 + 5, Number.MAX_SAFE_INTEGER])(
    'keeps sums of bytes whole beyond 2 GiB: %d', sum => {
      for (const message of [{ type: 'want', upTo: sum, modes: 0 }, { type: 'mode', mode: 2, given: sum }] as const) {
        expect(decodeFrame(encodeFrame(message).subarray(1))).toEqual(message)
      }
    })
})
