import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isModelswarmError } from '../../src/errors.ts'
import { encodeFrame } from '../../src/wire/codec.ts'
import { FrameReader } from '../../src/wire/frame-reader.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { anyMessage } from './messages.ts'
import type { Message } from '../../src/wire/messages.ts'

type Seen = Message | { payload: Uint8Array } | 'unknown'

/** A sink that remembers, and the frames as bytes. */
function recorder (): { seen: Seen[], sink: ConstructorParameters<typeof FrameReader>[0] } {
  const seen: Seen[] = []
  return {
    seen,
    sink: {
      onMessage: message => { seen.push(message) },
      onBlockStart: block => {
        seen.push(block)
        return true
      },
      onBlock: (_block, payload) => { seen.push({ payload }) },
      onUnknown: () => { seen.push('unknown') }
    }
  }
}

const LIMIT = 64 * 1024

function read (chunks: Iterable<Uint8Array>, first = LIMIT, later = LIMIT): Seen[] {
  const { seen, sink } = recorder()
  const reader = new FrameReader(sink, first, later)
  for (const chunk of chunks) reader.push(chunk)
  return seen
}

function payloadOf (message: Message): Uint8Array {
  const length = message.type === 'block' ? message.payloadBytes : 0
  return Uint8Array.from({ length }, (_, i) => i & 0xff)
}

const wire = (messages: readonly Message[]): Uint8Array =>
  Buffer.concat(messages.flatMap(message => [encodeFrame(message), payloadOf(message)]))

function chunked (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts.map(cut => cut % (bytes.byteLength + 1)), bytes.byteLength].sort((a, b) => a - b)
  let start = 0
  // a copy, so that what is kept of a chunk would be seen to change
  return ends.map(end => {
    const chunk = bytes.slice(start, end)
    start = end
    return chunk
  })
}

function refused (act: () => unknown): boolean {
  try {
    act()
    return false
  } catch (err) {
    if (!isModelswarmError(err, 'ERR_BAD_FRAME')) throw err
    return true
  }
}

const have: Message = { type: 'have', indexes: [1, 2, 3] }
const block: Message = { type: 'block', index: 4, cid: undefined, payloadBytes: 5, encoding: 0 }

describe('frame reader', () => {
  it('gives the same frames however the bytes are cut into chunks', () => {
    const anyMessages = fc.array(anyMessage, { maxLength: 6 })
    fc.assert(fc.property(anyMessages, fc.array(fc.nat(), { maxLength: 40 }), (messages, cuts) => {
      const expected = messages.flatMap((message): Seen[] =>
        message.type === 'block' ? [message, { payload: payloadOf(message) }] : [message])
      const chunks = chunked(wire(messages), cuts)
      const { seen, sink } = recorder()
      const reader = new FrameReader(sink, LIMIT, LIMIT)
      for (const chunk of chunks) {
        reader.push(chunk)
        chunk.fill(0xee)
      }
      expect(seen).toEqual(expected)
      expect(reader.isBetweenFrames).toBe(true)
    }), { numRuns: 300 })
  })

  it('gives the same frames byte by byte', () => {
    const bytes = wire([have, block, have])
    expect(read([...bytes].map(byte => Uint8Array.of(byte)))).toEqual(read([bytes]))
  })

  it('refuses garbage with its own error only', () => {
    const garbage = fc.uint8Array({ maxLength: 200 })
    fc.assert(fc.property(garbage, bytes => { refused(() => read([bytes])) }), { numRuns: 2000 })
  })

  it('is between frames only where a stream may end', () => {
    const bytes = wire([have, block])
    const reader = new FrameReader(recorder().sink, LIMIT, LIMIT)
    const ends = [...bytes].map(byte => {
      reader.push(Uint8Array.of(byte))
      return reader.isBetweenFrames
    })
    expect(ends.flatMap((isEnd, i) => isEnd ? [i + 1] : [])).toEqual([wire([have]).byteLength, bytes.byteLength])
  })

  it('refuses a length of more than four bytes', () => {
    expect(refused(() => read([Uint8Array.of(0x80, 0x80, 0x80, 0x80)]))).toBe(true)
    expect(refused(() => read([Uint8Array.of(0x80, 0x80, 0x80), Uint8Array.of(0xff)]))).toBe(true)
  })

  it('refuses a header beyond the limit before a byte of it has come', () => {
    expect(refused(() => read([Uint8Array.of(100)], 99, 1000))).toBe(true)
    expect(refused(() => read([Uint8Array.of(100)], 100, 1000))).toBe(false)
    expect(refused(() => read([Uint8Array.of(0xff, 0xff, 0xff, 0x7f)]))).toBe(true)
  })

  it('allows the first header what it is given, and the later ones what they are', () => {
    const long: Message = { type: 'have', indexes: Array.from({ length: 200 }, (_, i) => i) }
    expect(refused(() => read([wire([long])], 50, 1000))).toBe(true)
    expect(read([wire([have, long])], 50, 1000)).toEqual([have, long])
    expect(refused(() => read([wire([long, long])], 1000, 50))).toBe(true)
  })

  it('skips frames of length 0 and of kinds it does not know, and reads on behind them', () => {
    const unknown = Uint8Array.of(4, 0x72, 2, 8, 1)
    expect(read([Uint8Array.of(0), unknown, wire([have]), unknown])).toEqual(['unknown', 'unknown', have, 'unknown'])
  })

  it('keeps the first limit until a header has been read, though empty frames came', () => {
    const long: Message = { type: 'have', indexes: Array.from({ length: 200 }, (_, i) => i) }
    expect(refused(() => read([Uint8Array.of(0), wire([long])], 50, 1000))).toBe(true)
  })

  it('hands over a payload of its own, of the size asked of allocate', () => {
    const { seen, sink } = recorder()
    const asked: number[] = []
    const reader = new FrameReader(sink, LIMIT, LIMIT, length => {
      asked.push(length)
      return new Uint8Array(length)
    })
    const bytes = wire([block, block])
    reader.push(bytes)
    bytes.fill(0)
    expect(asked).toEqual([5, 5])
    expect(seen).toEqual([block, { payload: payloadOf(block) }, block, { payload: payloadOf(block) }])
  })

  it('gives a block without payload at once', () => {
    const empty: Message = { type: 'block', index: 0, cid: undefined, payloadBytes: 0, encoding: 0 }
    expect(read([wire([empty, have])])).toEqual([empty, { payload: new Uint8Array(0) }, have])
  })

  it('passes on what the sink throws at the start of a block, with no payload allocated', () => {
    let allocations = 0
    const reader = new FrameReader({ ...recorder().sink, onBlockStart: () => { throw new Error('refused by the test') } },
      LIMIT, LIMIT, length => {
        allocations++
        return new Uint8Array(length)
      })
    expect(() => { reader.push(wire([block])) }).toThrow('refused by the test')
    expect(allocations).toBe(0)
  })

  it('skips the payload of a block of no use, with no buffer for it, however it is cut', () => {
    const cuts = fc.array(fc.nat(10_000), { maxLength: 8 })
    fc.assert(fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }), cuts, (uses, cut) => {
      const { seen, sink } = recorder()
      const left = [...uses]
      let allocations = 0
      const reader = new FrameReader({ ...sink, onBlockStart: () => left.shift() ?? false }, LIMIT, LIMIT, bytes => {
        allocations++
        return new Uint8Array(bytes)
      })
      for (const chunk of chunked(wire([...uses.flatMap(() => [block, have])]), cut)) reader.push(chunk)
      expect(seen).toEqual(uses.flatMap(isOfUse => isOfUse ? [{ payload: payloadOf(block) }, have] : [have]))
      expect(allocations).toBe(uses.filter(Boolean).length)
      expect(reader.isBetweenFrames).toBe(true)
    }))
  })

  it('takes one large frame, Holdings; after it headers are small', () => {
    const bits = new Uint8Array(1024 * 1024)
    const holdings: Message = { type: 'holdings', blocks: 8 * bits.byteLength, all: false, bits, unwanted: new Uint8Array(0) }
    const { frameHeaderBytes, messageBytes } = WIRE_LIMITS
    expect(read([encodeFrame(holdings), encodeFrame(have)], frameHeaderBytes, frameHeaderBytes)).toHaveLength(2)
    const indexes = Array.from({ length: WIRE_LIMITS.indexes }, () => WIRE_LIMITS.blocks - 1)
    const cids = Array.from({ length: WIRE_LIMITS.cids }, () => new Uint8Array(WIRE_LIMITS.cidBytes))
    expect(encodeFrame({ type: 'reject', indexes, cids, reason: 0, retryAfterMs: 0 }).byteLength).toBeLessThan(messageBytes)
    expect(() => read([encodeFrame(holdings), encodeFrame(holdings)], frameHeaderBytes, frameHeaderBytes))
      .toThrow(`the limit here is ${messageBytes}`)
  })
})
