// Headers of weights files: of anybody's making, read when a folder is published.
import { cutLengths, planCuts } from '../../src/cut/plan.ts'
import { readTensorTable } from '../../src/formats/tensor-table.ts'
import { concat } from './bytes.ts'
import { bendJson } from './json.ts'
import type { Random } from '../random.ts'
import type { Decoder } from './decoder.ts'

/** Nothing is refused: a malformed header makes the file one without tensors. */
const isRefusal = (): boolean => false

export const safetensors: Decoder = {
  name: 'safetensors header',
  make: random => {
    const header: Record<string, unknown> = {}
    let offset = 0
    for (let i = random.below(5); i > 0; i--) {
      const shape = Array.from({ length: random.below(3) }, () => random.below(20))
      const { dtype, bytes } = random.pick([{ dtype: 'F32', bytes: 4 }, { dtype: 'BF16', bytes: 2 }, { dtype: 'NEW', bytes: 3 }])
      const end = offset + shape.reduce((product, size) => product * size, 1) * bytes
      header[`t${i}`] = { dtype, shape, data_offsets: [offset, end] }
      offset = end
    }
    if (random.chance(0.3)) header['__metadata__'] = { format: 'pt' }
    return withHeader(header, offset)
  },
  bend: (bytes, random) => {
    const header = headerOf(bytes)
    if (header === undefined) return bytes
    return withHeader(bendJson(header.value, random), bytes.byteLength - header.end)
  },
  decode: async input => { await read('model.safetensors', input) },
  isRefusal
}

export const gguf: Decoder = {
  name: 'gguf header',
  make: random => {
    const tensors = random.below(4)
    const pairs = random.below(4)
    const parts = [Buffer.from('GGUF'), u32(random.pick([2, 3])), u64(tensors), u64(pairs)]
    for (let i = 0; i < pairs; i++) parts.push(string(random.pick(['general.alignment', `key${i}`])), ...anyValue(random))
    let offset = 0
    for (let i = 0; i < tensors; i++) {
      const shape = Array.from({ length: random.below(4) }, () => random.between(1, 40))
      parts.push(string(`t${i}`), u32(shape.length), ...shape.map(u64), u32(random.pick([0, 2, 12, 999])), u64(offset))
      offset += random.below(8) * 32
    }
    const header = concat(...parts)
    const padding = Math.ceil(header.byteLength / 32) * 32 - header.byteLength
    return concat(header, new Uint8Array(padding + offset + random.below(64)))
  },
  decode: async input => { await read('model.gguf', input) },
  isRefusal
}

/** Reads a table, and cuts the file by it: tensors lie in order inside, and blocks fill the file. */
async function read (path: string, input: Uint8Array): Promise<void> {
  const table = await readTensorTable(path, async (offset, length) => {
    if (!(offset >= 0 && length >= 0 && length <= input.byteLength)) throw new Error(`Reads ${length} bytes at ${offset}`)
    return input.slice(offset, offset + length)
  }, input.byteLength)
  let end = table?.headerBytes ?? 0
  for (const { offset, sizeBytes } of table?.tensors ?? []) {
    if (offset < end || sizeBytes < 0 || offset + sizeBytes > input.byteLength) throw new Error('A tensor lies outside, or over another')
    end = offset + sizeBytes
  }
  let cut = 0
  for (const length of cutLengths(planCuts(input.byteLength, table))) {
    if (!(length > 0)) throw new Error(`A block of ${length} bytes`)
    cut += length
  }
  if (cut !== input.byteLength) throw new Error('Blocks do not fill the file')
}

function headerOf (bytes: Uint8Array): { value: unknown, end: number } | undefined {
  if (bytes.byteLength < 8) return undefined
  const end = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  if (end > bytes.byteLength) return undefined
  try {
    return { value: JSON.parse(Buffer.from(bytes.subarray(8, end)).toString()), end }
  } catch (err) {
    if (err instanceof SyntaxError) return undefined
    throw err
  }
}

function withHeader (header: unknown, dataBytes: number): Uint8Array {
  const json = Buffer.from(JSON.stringify(header))
  return concat(u64(json.byteLength), json, new Uint8Array(dataBytes))
}

/** Bytes of a fixed value by its type number; 8 is a string, 9 an array. */
const VALUE_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]

function anyValue (random: Random, depth = 0): Uint8Array[] {
  const type = depth > 3 ? 0 : random.pick([0, 4, 8, 9, 9, 12])
  return [u32(type), ...anyItem(random, type, depth)]
}

function anyItem (random: Random, type: number, depth: number): Uint8Array[] {
  if (type === 8) return [string(random.text('xyz', random.below(9)))]
  if (type !== 9) return [type === 4 ? u32(random.pick([1, 8, 32, 64])) : new Uint8Array(VALUE_BYTES[type] ?? 0)]
  const itemType = depth > 3 ? 0 : random.pick([0, 8, 9])
  const count = random.below(4)
  const items = Array.from({ length: count }, () => anyItem(random, itemType, depth + 1))
  return [u32(itemType), u64(count), ...items.flat()]
}

function string (text: string): Uint8Array {
  return concat(u64(text.length), Buffer.from(text))
}

function u32 (value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u64 (value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
