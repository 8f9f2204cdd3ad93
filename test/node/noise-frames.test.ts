import { expect, it } from 'vitest'
import { NoiseFrames } from '../../src/node/noise-frames.ts'

const MESSAGES = [1, 0, 300, 65535, 16, 0, 255, 256, 65519].map((length, i) => new Uint8Array(length).fill(i + 1))

function framed (messages: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(messages.flatMap(one => [Buffer.of(one.byteLength >> 8, one.byteLength & 255), one]))
}

const CHUNKS = [1, 2, 3, 7, 100, 4096, 65536, 65537, 1_000_000]
const ways = { pushed: () => false, 'kept where they complete nothing': (chunk: Uint8Array, frames: NoiseFrames) => frames.keep(chunk) }

it.each(Object.entries(ways).flatMap(([way, isKept]) => CHUNKS.map(size => [size, way, isKept] as const))
)('messages are the same in chunks of %i bytes, %s', (size, _way, isKept) => {
  const stream = framed(MESSAGES)
  const frames = new NoiseFrames()
  const seen: Uint8Array[] = []
  const reused = new Uint8Array(size)
  for (let at = 0; at < stream.byteLength; at += size) {
    const chunk = stream.subarray(at, at + size)
    reused.set(chunk)
    const given = reused.subarray(0, chunk.byteLength)
    if (!isKept(given, frames)) frames.push(given, message => { seen.push(new Uint8Array(message)) })
    // What the chunk lay in is read into again: nothing may be left of it.
    reused.fill(0xee)
  }
  expect(seen.length).toBe(7)
  expect(Buffer.concat(seen).equals(Buffer.concat(MESSAGES))).toBe(true)
})

it('keeps a chunk only while no message is complete', () => {
  const frames = new NoiseFrames()
  const [first, second] = [framed([new Uint8Array(300).fill(1)]), framed([new Uint8Array(2).fill(2)])]
  for (const [from, to] of [[0, 1], [1, 2], [2, 301]]) expect(frames.keep(first.subarray(from, to))).toBe(true)
  const last = first.subarray(301)
  expect([last, Buffer.concat([last, second])].map(chunk => frames.keep(chunk))).toEqual([false, false])
  const seen: number[] = []
  frames.push(Buffer.concat([last, second]), message => { seen.push(message.byteLength) })
  expect(seen).toEqual([300, 2])
  // An empty message says nothing, and is complete at once.
  expect(frames.keep(framed([new Uint8Array(0)]))).toBe(false)
})
