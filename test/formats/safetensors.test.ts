import { describe, expect, it } from 'vitest'
import { readTensorTable } from '../../src/formats/tensor-table.ts'
import { makeSafetensors, reader, safetensorsOf, u64 } from './make-files.ts'
import type { TensorTable } from '../../src/formats/tensor-table.ts'

async function tableOf (bytes: Uint8Array): Promise<TensorTable | undefined> {
  return await readTensorTable('x.safetensors', reader(bytes).read, bytes.byteLength)
}

function entry (dtype: string, shape: number[], from: number, to: number): object {
  return { dtype, shape, data_offsets: [from, to] }
}

async function tableOfHeader (header: object, dataBytes: number): Promise<TensorTable | undefined> {
  return await tableOf(safetensorsOf(JSON.stringify(header), new Uint8Array(dataBytes)))
}

describe('readSafetensors', () => {
  it('lists tensors by offset, whatever their order in the header', async () => {
    const table = await tableOfHeader({ __metadata__: { format: 'pt' }, b: entry('F32', [2, 2], 4, 20), a: entry('BF16', [2], 0, 4) }, 20)
    const headerBytes = table?.headerBytes ?? 0
    expect(table).toEqual({
      format: 'safetensors',
      headerBytes,
      tensors: [
        { name: 'a', dtype: 'BF16', shape: [2], offset: headerBytes, sizeBytes: 4 },
        { name: 'b', dtype: 'F32', shape: [2, 2], offset: headerBytes + 4, sizeBytes: 16 }
      ]
    })
    expect(headerBytes % 8).toBe(0)
  })

  it('knows every dtype of the format, those below a byte too', async () => {
    const dtypes = {
      4: ['F4'],
      6: ['F6_E2M3', 'F6_E3M2'],
      8: ['BOOL', 'U8', 'I8', 'F8_E5M2', 'F8_E4M3', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ'],
      16: ['I16', 'U16', 'F16', 'BF16'],
      32: ['I32', 'U32', 'F32'],
      64: ['C64', 'F64', 'I64', 'U64']
    }
    for (const [bits, names] of Object.entries(dtypes)) {
      for (const dtype of names) {
        const size = Number(bits)
        expect(await tableOfHeader({ a: entry(dtype, [4, 2], 0, size) }, size), dtype).toBeDefined()
        expect(await tableOfHeader({ a: entry(dtype, [4, 3], 0, size) }, size), dtype).toBeUndefined()
      }
    }
  })

  it('takes an unknown dtype at its word', async () => {
    expect((await tableOfHeader({ a: entry('F3_NEW', [9], 0, 5) }, 5))?.tensors[0]?.sizeBytes).toBe(5)
  })

  it('takes tensors of no bytes and scalars', async () => {
    const table = await tableOfHeader({ s: entry('F32', [], 0, 4), z: entry('F32', [0, 9e15], 4, 4) }, 4)
    expect(table?.tensors.map(tensor => tensor.sizeBytes)).toEqual([4, 0])
    expect((await tableOfHeader({}, 0))?.tensors).toEqual([])
  })

  it('is malformed with a hole, an overlap, or bytes left over', async () => {
    expect(await tableOfHeader({ a: entry('U8', [4], 1, 5) }, 5)).toBeUndefined()
    expect(await tableOfHeader({ a: entry('U8', [4], 0, 4), b: entry('U8', [4], 5, 9) }, 9)).toBeUndefined()
    expect(await tableOfHeader({ a: entry('U8', [4], 0, 4), b: entry('U8', [4], 3, 7) }, 7)).toBeUndefined()
    expect(await tableOfHeader({ a: entry('U8', [4], 0, 4) }, 5)).toBeUndefined()
    expect(await tableOfHeader({ a: entry('U8', [4], 0, 4) }, 3)).toBeUndefined()
  })

  it('is malformed with a header that is no such JSON', async () => {
    for (const json of ['', '[]', 'null', '{', '{"a":1}', '{"a":null}', '{"a":{}}', '{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}',
      '{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}', '{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}',
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}', ' {}', '\ufeff{}', `${'['.repeat(100_000)}`, `{"a":${'['.repeat(100_000)}`]) {
      expect(await tableOf(safetensorsOf(json)), json.slice(0, 60)).toBeUndefined()
    }
  })

  it('reads no header that is longer than the file or the limit of the format', async () => {
    expect(await tableOf(Uint8Array.from([...u64(2 ** 53 - 1), 0x7b, 0x7d]))).toBeUndefined()
    const read = async (): Promise<Uint8Array> => Uint8Array.from(u64(100_000_001))
    expect(await readTensorTable('x.safetensors', read, 2 ** 40)).toBeUndefined()
  })

  it('keeps names that are special in JavaScript', async () => {
    const table = await tableOf(makeSafetensors([{ name: 'constructor', data: new Uint8Array(1) }]))
    expect(table?.tensors[0]?.name).toBe('constructor')
    const proto = await tableOf(safetensorsOf('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', new Uint8Array(1)))
    expect(proto?.tensors[0]?.name).toBe('__proto__')
  })
})
