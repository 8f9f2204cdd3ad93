import { expect, it } from 'vitest'
import { NoiseFrames } from '../../src/node/noise-frames.ts'

const MESSAGES = [1, 0, 300, 65535, 16, 0, 255, 256, 65519].map((length, i) => new Uint8Array(length).fill(i + 1))

function framed (messages: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(messages.flatMap(one => [Buffer.of(one.byteLength >> 8, one.byteLength & 255), one]))
}

it.each([1, 2, 3, 7, 100, 4096, 65536, 65537, 1_000_000])('messages are the same in chunks of %i bytes', size => {
  const stream = framed(MESSAGES)
  const frames = new NoiseFrames()
  const seen: Uint8Array[] = []
  const reused = new Uint8Array(size)
  for (let at = 0; at < stream.byteLength; at += size) {
    const chunk = stream.subarray(at, at + size)
    reused.set(chunk)
    frames.push(reused.subarray(0, chunk.byteLength), message => { seen.push(new Uint8Array(message)) })
    // What the chunk lay in is read into again: nothing may be left of it.
    reused.fill(0xee)
  }
  expect(seen.length).toBe(7)
  expect(Buffer.concat(seen).equals(Buffer.concat(MESSAGES))).toBe(true)
})
