import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readTensorTable } from '../../src/formats/tensor-table.ts'
import { array, makeGguf, makeSafetensors, pair, reader, string, u32 } from './make-files.ts'
import type { TensorTable } from '../../src/formats/tensor-table.ts'

async function tableOf (path: string, bytes: Uint8Array): Promise<TensorTable | undefined> {
  return await readTensorTable(path, reader(bytes).read, bytes.byteLength)
}

const safetensors = makeSafetensors([{ name: 'a', data: new Uint8Array(30) }, { name: 'b', data: new Uint8Array(100) }])
const gguf = makeGguf([
  { name: 'a', shape: [32, 2], type: 8, data: new Uint8Array(68) },
  { name: 'b', shape: [10], type: 0, data: new Uint8Array(40) }
], { pairs: [pair('general.name', 8, string('x')), pair('v', 9, array(9, [array(8, [string('y')]), array(5, [u32(1)])]))] })

describe('readTensorTable', () => {
  it('knows GGUF by its magic and safetensors by the extension', async () => {
    expect((await tableOf('x', gguf))?.format).toBe('gguf')
    expect((await tableOf('x.SafeTensors', safetensors))?.format).toBe('safetensors')
    expect(await tableOf('x.bin', safetensors)).toBeUndefined()
    expect(await tableOf('x.safetensors', new Uint8Array(7))).toBeUndefined()
    expect(await tableOf('x.safetensors', new Uint8Array(0))).toBeUndefined()
  })

  it('rethrows what read throws, untouched', async () => {
    const broken = new Error('disk')
    await expect(readTensorTable('x', async () => { throw broken }, 100)).rejects.toBe(broken)
  })

  it('never throws, hangs or reads much beyond the file for any mutation', async () => {
    for (const [path, original] of [['x.safetensors', safetensors], ['x.gguf', gguf]] as const) {
      const position = fc.integer({ min: 0, max: original.byteLength - 1 })
      const byte = fc.oneof(fc.constantFrom(0, 1, 127, 128, 255), fc.integer({ min: 0, max: 255 }))
      const edits = fc.array(fc.tuple(position, byte), { minLength: 1, maxLength: 6 })
      const length = fc.oneof(fc.constant(original.byteLength), position)
      await fc.assert(fc.asyncProperty(edits, length, async (changes, size) => {
        const bytes = original.slice(0, size)
        for (const [at, value] of changes) if (at < size) bytes[at] = value
        const { read, total } = reader(bytes)
        const table = await readTensorTable(path, read, bytes.byteLength)
        expect(total()).toBeLessThanOrEqual(2 * bytes.byteLength + 32)
        if (table !== undefined) holds(table, bytes.byteLength)
      }), { numRuns: 1000 })
    }
  })

  it('never throws for garbage', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (garbage, isGguf) => {
      const bytes = isGguf ? Uint8Array.from([0x47, 0x47, 0x55, 0x46, 3, 0, 0, 0, ...garbage]) : garbage
      const table = await tableOf('x.safetensors', bytes)
      if (table !== undefined) holds(table, bytes.byteLength)
    }))
  })
})

function holds (table: TensorTable, fileBytes: number): void {
  let end = table.headerBytes
  for (const tensor of table.tensors) {
    expect(tensor.offset).toBeGreaterThanOrEqual(end)
    end = tensor.offset + tensor.sizeBytes
  }
  expect(end).toBeLessThanOrEqual(fileBytes)
}
