import { describe, expect, it } from 'vitest'
import { readTensorTable } from '../../src/formats/tensor-table.ts'
import { array, makeGguf, pair, reader, string, u32, u64 } from './make-files.ts'
import type { TensorTable } from '../../src/formats/tensor-table.ts'

async function tableOf (bytes: Uint8Array): Promise<TensorTable | undefined> {
  return await readTensorTable('x', reader(bytes).read, bytes.byteLength)
}

const q4k = { name: 'q', shape: [256, 3], type: 12, data: new Uint8Array(432) }
const f32 = { name: 'f', shape: [5], type: 0, data: new Uint8Array(20) }

describe('readGguf', () => {
  it('lists tensors with names, types, real sizes and offsets in the file', async () => {
    for (const version of [2, 3]) {
      const bytes = makeGguf([f32, q4k, { ...f32, name: 'g', type: 99 }], { version })
      const table = await tableOf(bytes)
      const start = table?.headerBytes ?? 0
      expect(start % 32).toBe(0)
      expect(table?.tensors).toEqual([
        { name: 'f', dtype: 'F32', shape: [5], offset: start, sizeBytes: 20 },
        { name: 'q', dtype: 'Q4_K', shape: [256, 3], offset: start + 32, sizeBytes: 432 },
        { name: 'g', dtype: 'ggml-type-99', shape: [5], offset: start + 32 + 448, sizeBytes: 32 }
      ])
    }
  })

  it('reads past metadata of every type', async () => {
    const sizes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]
    const pairs = sizes.flatMap((size, type) => size === 0
      ? []
      : [pair(`k${type}`, type, new Uint8Array(size)), pair(`a${type}`, 9, array(type, [1, 2, 3].map(() => new Uint8Array(size))))])
    pairs.push(pair('s', 8, string('text')), pair('n', 9, array(9, [array(9, [array(4, [u32(1)])]), array(8, [string('x'), string('')])])))
    expect((await tableOf(makeGguf([f32], { pairs })))?.tensors[0]?.sizeBytes).toBe(20)
  })

  it('honours general.alignment and refuses a senseless one', async () => {
    const aligned = async (value: number, alignment: number): Promise<TensorTable | undefined> =>
      await tableOf(makeGguf([f32, q4k], { alignment, pairs: [pair('general.alignment', 4, u32(value))] }))
    expect((await aligned(256, 256))?.tensors[1]?.offset).toBe(512)
    expect(await aligned(0, 32)).toBeUndefined()
    expect(await aligned(48, 32)).toBeUndefined()
  })

  it('is all header without tensors', async () => {
    const bytes = makeGguf([], { pairs: [pair('general.name', 8, string('vocab'))] })
    expect(await tableOf(bytes)).toEqual({ format: 'gguf', headerBytes: bytes.byteLength, tensors: [] })
  })

  it('reads a header of many MB about once, in chunks', async () => {
    const words = Array.from({ length: 150_000 }, (_, i) => string(`token-number-${i}`))
    const bytes = makeGguf([f32], { pairs: [pair('tokens', 9, array(8, words)), pair('chat', 8, string('x'.repeat(2_000_000)))] })
    const { read, total } = reader(bytes)
    expect((await readTensorTable('x', read, bytes.byteLength))?.tensors).toHaveLength(1)
    expect(total()).toBeLessThan(bytes.byteLength * 1.1)
  })

  it('is malformed in version 1, in big endian, or with counts that no file holds', async () => {
    expect(await tableOf(makeGguf([f32], { version: 1 }))).toBeUndefined()
    expect(await tableOf(makeGguf([f32], { version: 0x03000000 }))).toBeUndefined()
    for (const [tensors, pairs] of [[2 ** 52, 0], [0, 2 ** 52], [1024 * 1024 + 1, 0]] as const) {
      const start = Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors), u64(pairs)])
      expect(await tableOf(Uint8Array.from(Buffer.concat([start, Buffer.alloc(100)])))).toBeUndefined()
    }
  })

  it('is malformed with arrays nested without end or longer than the file', async () => {
    let deep = array(4, [])
    for (let i = 0; i < 50; i++) deep = array(9, [deep])
    expect(await tableOf(makeGguf([f32], { pairs: [pair('d', 9, deep)] }))).toBeUndefined()
    for (const type of [0, 8, 9, 12, 13]) {
      const endless = Buffer.concat([u32(type), u64(2 ** 53 - 1)])
      expect(await tableOf(makeGguf([f32], { pairs: [pair('d', 9, endless)] })), String(type)).toBeUndefined()
    }
  })

  it('is malformed with a tensor beyond the end, unaligned, or of too many dimensions', async () => {
    const bytes = makeGguf([q4k, f32])
    expect(await tableOf(bytes.slice(0, bytes.byteLength - 100))).toBeUndefined()
    expect(await tableOf(makeGguf([{ ...f32, shape: Array.from({ length: 9 }, () => 1) }]))).toBeUndefined()
  })

  it('gives a tensor all bytes up to the next where its type says more', async () => {
    const table = await tableOf(makeGguf([{ ...f32, shape: [1000] }, f32]))
    expect(table?.tensors[0]?.sizeBytes).toBe(32)
  })
})
