import { ggmlType } from './ggml-types.ts'
import { HeaderCursor } from './header-cursor.ts'
import { ensure } from './malformed.ts'
import type { ReadRange, Tensor, TensorTable } from './tensor-table.ts'

// GGUF, versions 2 and 3, little endian (ggml docs/gguf.md):
//   | "GGUF" | u32 version | u64 tensors | u64 pairs |
//   pair:    string key, u32 type, value            string: u64 length, bytes
//   tensor:  string name, u32 n, u64 dims[n], u32 type, u64 offset in the data section
//   | padding to general.alignment | data section |
// Version 1 and big endian are taken as plain bytes: nobody writes them any more.

const MAGIC = [0x47, 0x47, 0x55, 0x46]
/** Vocabularies make headers of several MB; nothing legitimate comes near this. */
const MAX_HEADER_BYTES = 256 * 1024 * 1024
/** The largest models have some ten thousand; bounds memory at some 200 MB. */
const MAX_TENSORS = 1024 * 1024
/** ggml has 4; room for more. */
const MAX_DIMENSIONS = 8
const MAX_NAME_BYTES = 65_535
const MAX_ARRAY_DEPTH = 8
const DEFAULT_ALIGNMENT = 32
const MAX_ALIGNMENT = 1024 * 1024

const TYPE_U32 = 4
const TYPE_STRING = 8
const TYPE_ARRAY = 9
/** Bytes of a metadata value by its type number; 8 is a string, 9 an array. */
const VALUE_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8]
/** Least bytes of a pair, a tensor, a nested array: counts are checked against these before any loop. */
const MIN_PAIR_BYTES = 13
const MIN_TENSOR_BYTES = 24
const MIN_ARRAY_BYTES = 12
const MIN_STRING_BYTES = 8

/** True when these bytes begin like a GGUF file. */
export function isGguf (start: Uint8Array): boolean {
  return MAGIC.every((byte, i) => start[i] === byte)
}

/**
 * Reads a GGUF header. Whether a file is taken never depends on the table of ggml types, so that a new type changes no
 * root: where the size that the type implies does not fit, a tensor's size is all up to the next.
 *
 * @throws Malformed when it breaks the format
 */
export async function readGguf (read: ReadRange, fileBytes: number): Promise<TensorTable> {
  const cursor = new HeaderCursor(read, Math.min(fileBytes, MAX_HEADER_BYTES))
  cursor.skip(MAGIC.length)
  const version = await cursor.u32()
  ensure(version === 2 || version === 3, 'version')
  const tensorCount = await cursor.u64()
  const pairCount = await cursor.u64()
  ensure(tensorCount <= MAX_TENSORS, 'too many tensors')
  ensure(tensorCount * MIN_TENSOR_BYTES + pairCount * MIN_PAIR_BYTES <= cursor.left, 'counts')
  const alignment = await readAlignment(cursor, pairCount)
  const infos: TensorInfo[] = []
  for (let i = 0; i < tensorCount; i++) infos.push(await readInfo(cursor))

  const dataStart = Math.ceil(cursor.offset / alignment) * alignment
  infos.sort((a, b) => a.offset - b.offset)
  const tensors: Tensor[] = []
  for (const [i, info] of infos.entries()) {
    ensure(info.offset % alignment === 0, 'tensor not aligned')
    const offset = dataStart + info.offset
    const next = dataStart + (infos[i + 1]?.offset ?? fileBytes - dataStart)
    ensure(offset <= next && next <= fileBytes, 'tensor outside of the file')
    const sizeBytes = Math.min(sizeOf(info) ?? Infinity, next - offset)
    tensors.push({ name: info.name, dtype: ggmlType(info.type).name, shape: info.shape, offset, sizeBytes })
  }
  return { format: 'gguf', headerBytes: tensors[0]?.offset ?? fileBytes, tensors }
}

interface TensorInfo {
  name: string
  shape: number[]
  type: number
  offset: number
}

interface Items {
  itemType: number
  count: number
  depth: number
}

async function readInfo (cursor: HeaderCursor): Promise<TensorInfo> {
  const name = await cursor.string(MAX_NAME_BYTES)
  const dimensions = await cursor.u32()
  ensure(dimensions <= MAX_DIMENSIONS, 'too many dimensions')
  await cursor.load(dimensions * 8 + 12)
  const shape: number[] = []
  for (let i = 0; i < dimensions; i++) shape.push(cursor.u64Loaded())
  return { name, shape, type: cursor.u32Loaded(), offset: cursor.u64Loaded() }
}

function sizeOf (info: TensorInfo): number | undefined {
  const { elements, bytes } = ggmlType(info.type)
  if (elements === undefined || bytes === undefined) return undefined
  return Math.ceil(info.shape.reduce((product, size) => product * size, 1) / elements) * bytes
}

async function readAlignment (cursor: HeaderCursor, pairCount: number): Promise<number> {
  let alignment = DEFAULT_ALIGNMENT
  for (let i = 0; i < pairCount; i++) {
    const key = await cursor.string(MAX_NAME_BYTES)
    const type = await cursor.u32()
    if (key === 'general.alignment' && type === TYPE_U32) {
      alignment = await cursor.u32()
      ensure(alignment > 0 && alignment <= MAX_ALIGNMENT && (alignment & (alignment - 1)) === 0, 'alignment')
    } else {
      await skipValue(cursor, type, 0)
    }
  }
  return alignment
}

async function skipValue (cursor: HeaderCursor, type: number, depth: number): Promise<void> {
  if (type === TYPE_STRING) {
    cursor.skip(await cursor.u64())
  } else if (type === TYPE_ARRAY) {
    ensure(depth < MAX_ARRAY_DEPTH, 'arrays nested too deep')
    const itemType = await cursor.u32()
    await skipItems(cursor, { itemType, count: await cursor.u64(), depth: depth + 1 })
  } else {
    cursor.skip(fixedBytes(type))
  }
}

async function skipItems (cursor: HeaderCursor, items: Items): Promise<void> {
  const { itemType, count, depth } = items
  if (itemType === TYPE_STRING) {
    ensure(count * MIN_STRING_BYTES <= cursor.left, 'counts')
    for (let i = 0; i < count; i++) {
      // a vocabulary has 10^5 strings: no promise for each
      if (!cursor.has(8)) await cursor.load(8)
      cursor.skip(cursor.u64Loaded())
    }
  } else if (itemType === TYPE_ARRAY) {
    ensure(count * MIN_ARRAY_BYTES <= cursor.left, 'counts')
    for (let i = 0; i < count; i++) await skipValue(cursor, itemType, depth)
  } else {
    cursor.skip(fixedBytes(itemType) * count)
  }
}

function fixedBytes (type: number): number {
  const bytes = VALUE_BYTES[type]
  ensure(bytes !== undefined, 'value type')
  return bytes
}
