import { ensure, Malformed } from './malformed.ts'
import type { ReadRange, Tensor, TensorTable } from './tensor-table.ts'

//   | u64 LE: N | N bytes of JSON, from '{', may end in spaces | data section: tensors end to end |
//   JSON: { "NAME": { "dtype": "BF16", "shape": [2, 3], "data_offsets": [from, to] }, "__metadata__": {...} }

/** Longest JSON header (safetensors 0.6, `MAX_HEADER_SIZE`). */
const MAX_HEADER_BYTES = 100_000_000
const LENGTH_BYTES = 8
const OPEN_BRACE = 0x7b

/**
 * Bits of one element (safetensors 0.6, `Dtype::bitsize`). Part of profile ms1: a dtype that is not here is taken at
 * its word, so that a file with a newer one is still cut at its tensors.
 */
const DTYPE_BITS: ReadonlyMap<string, number> = new Map([
  ['BOOL', 8], ['F4', 4], ['F6_E2M3', 6], ['F6_E3M2', 6], ['U8', 8], ['I8', 8],
  ['F8_E5M2', 8], ['F8_E4M3', 8], ['F8_E8M0', 8], ['F8_E4M3FNUZ', 8], ['F8_E5M2FNUZ', 8],
  ['I16', 16], ['U16', 16], ['F16', 16], ['BF16', 16], ['I32', 32], ['U32', 32], ['F32', 32],
  ['C64', 64], ['F64', 64], ['I64', 64], ['U64', 64]
])

/**
 * Reads a safetensors header.
 *
 * @throws Malformed when it breaks the format: among others when the tensors do not tile the data section
 */
export async function readSafetensors (read: ReadRange, fileBytes: number): Promise<TensorTable> {
  const start = await read(0, LENGTH_BYTES)
  ensure(start.byteLength === LENGTH_BYTES, 'no header length')
  const length = new DataView(start.buffer, start.byteOffset, LENGTH_BYTES).getBigUint64(0, true)
  ensure(length <= BigInt(Math.min(MAX_HEADER_BYTES, fileBytes - LENGTH_BYTES)), 'header length')
  const json = await read(LENGTH_BYTES, Number(length))
  ensure(json.byteLength === Number(length), 'header cut short')
  ensure(json[0] === OPEN_BRACE, 'no JSON object')
  const headerBytes = LENGTH_BYTES + json.byteLength

  const tensors: Tensor[] = []
  for (const [name, entry] of Object.entries(parseObject(json))) {
    if (name !== '__metadata__') tensors.push(tensorOf(name, entry, headerBytes))
  }
  tensors.sort((a, b) => a.offset - b.offset || a.sizeBytes - b.sizeBytes)
  let end = headerBytes
  for (const tensor of tensors) {
    ensure(tensor.offset === end, 'hole or overlap between tensors')
    end += tensor.sizeBytes
  }
  ensure(end === fileBytes, 'tensors do not fill the file')
  return { format: 'safetensors', headerBytes, tensors }
}

function parseObject (json: Uint8Array): object {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json))
  } catch (err) {
    // SyntaxError: not JSON; TypeError: not UTF-8
    throw new Malformed('header is not JSON', { cause: err })
  }
  ensure(typeof value === 'object' && value !== null, 'header is no object')
  return value
}

function tensorOf (name: string, entry: unknown, headerBytes: number): Tensor {
  ensure(typeof entry === 'object' && entry !== null, 'entry is no object')
  ensure('dtype' in entry && typeof entry.dtype === 'string', 'dtype')
  ensure('shape' in entry && isSizes(entry.shape), 'shape')
  ensure('data_offsets' in entry && isSizes(entry.data_offsets) && entry.data_offsets.length === 2, 'offsets')
  const [from = 0, to = 0] = entry.data_offsets
  ensure(from <= to, 'offsets')
  const bits = DTYPE_BITS.get(entry.dtype)
  if (bits !== undefined) {
    const elements = entry.shape.includes(0) ? 0 : entry.shape.reduce((product, size) => product * size, 1)
    ensure(elements * bits === (to - from) * 8, 'size is not that of shape and dtype')
  }
  return { name, dtype: entry.dtype, shape: entry.shape, offset: headerBytes + from, sizeBytes: to - from }
}

function isSizes (value: unknown): value is number[] {
  return Array.isArray(value) && value.every(size => Number.isSafeInteger(size) && size >= 0)
}
