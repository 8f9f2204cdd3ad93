import { expect, it } from 'vitest'
import { OwnedMemory } from '../src/memory.ts'

const BYTES = 64 * 1024

it('memory that is given back is seen by nobody any more, and only once', () => {
  const memory = new OwnedMemory()
  const bytes = memory.allocate(BYTES)
  const view = bytes.subarray(10, 20)
  memory.giveBack(view)
  expect([bytes.byteLength, view.byteLength]).toEqual([0, 0])
  expect(() => { memory.giveBack(bytes) }).not.toThrow()
})

it('memory of others is never given back: of a pool, of another way, shared, or a part', () => {
  const memory = new OwnedMemory()
  const pooled = Buffer.from('a few bytes of the pool that Node shares out')
  const part = new Uint8Array(BYTES).subarray(0, BYTES - 1)
  const shared = new Uint8Array(new SharedArrayBuffer(BYTES))
  const others = new OwnedMemory().allocate(BYTES)
  for (const bytes of [pooled, part, shared]) memory.own(bytes)
  for (const bytes of [pooled, part, shared, others]) {
    const { byteLength } = bytes
    memory.giveBack(bytes)
    expect(bytes.byteLength).toBe(byteLength)
  }
})

it('the end of owned memory is told from its other parts', () => {
  const memory = new OwnedMemory()
  const bytes = memory.allocate(BYTES)
  expect(memory.isEnd(bytes)).toBe(true)
  expect(memory.isEnd(bytes.subarray(BYTES - 1))).toBe(true)
  expect(memory.isEnd(bytes.subarray(0, BYTES - 1))).toBe(false)
  expect(memory.isEnd(bytes.subarray(BYTES))).toBe(false)
  expect(memory.isEnd(new Uint8Array(BYTES))).toBe(false)
})
