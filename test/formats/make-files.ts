import type { ReadRange } from '../../src/formats/tensor-table.ts'

/** Bytes of a safetensors file with these tensors, in this order; data is given. */
export function makeSafetensors (
  tensors: { name: string, dtype?: string, data: Uint8Array }[], metadata?: Record<string, string>
): Uint8Array {
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata }
  let offset = 0
  for (const { name, dtype = 'U8', data } of tensors) {
    header[name] = { dtype, shape: [data.byteLength], data_offsets: [offset, offset + data.byteLength] }
    offset += data.byteLength
  }
  return safetensorsOf(JSON.stringify(header), ...tensors.map(tensor => tensor.data))
}

/** A safetensors file of this header text, padded with spaces to 8 bytes. */
export function safetensorsOf (json: string, ...data: Uint8Array[]): Uint8Array {
  const text = Buffer.from(json)
  const padded = Buffer.concat([text, Buffer.alloc((8 - text.length % 8) % 8, ' ')])
  return Uint8Array.from(Buffer.concat([u64(padded.length), padded, ...data]))
}

export interface GgufTensor {
  name: string
  shape: number[]
  type: number
  data: Uint8Array
}

interface GgufOptions {
  version?: number
  alignment?: number
  pairs?: Uint8Array[]
}

/** Bytes of a GGUF file; pairs are encoded values from `pair`. */
export function makeGguf (tensors: GgufTensor[], options: GgufOptions = {}): Uint8Array {
  const { version = 3, alignment = 32, pairs = [] } = options
  const infos: Uint8Array[] = []
  const data: Uint8Array[] = []
  let offset = 0
  for (const tensor of tensors) {
    infos.push(string(tensor.name), u32(tensor.shape.length), ...tensor.shape.map(u64), u32(tensor.type), u64(offset))
    const padding = (alignment - tensor.data.byteLength % alignment) % alignment
    data.push(tensor.data, new Uint8Array(padding))
    offset += tensor.data.byteLength + padding
  }
  const counts = [u32(version), u64(tensors.length), u64(pairs.length)]
  const start = Buffer.concat([Buffer.from('GGUF'), ...counts, ...pairs, ...infos])
  const padding = tensors.length === 0 ? 0 : (alignment - start.length % alignment) % alignment
  return Uint8Array.from(Buffer.concat([start, Buffer.alloc(padding), ...data]))
}

export function pair (key: string, type: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([string(key), u32(type), value])
}

/** Value of an array of items of this type. */
export function array (itemType: number, items: Uint8Array[]): Uint8Array {
  return Buffer.concat([u32(itemType), u64(items.length), ...items])
}

export function string (text: string): Uint8Array {
  return Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)])
}

export function u32 (value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

export function u64 (value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

/** A read port over bytes that counts what is read. */
export function reader (bytes: Uint8Array): { read: ReadRange, total: () => number } {
  let total = 0
  return {
    read: async (offset, length) => {
      if (length > bytes.byteLength + 8) throw new Error(`Read of ${length} bytes from ${bytes.byteLength}`)
      total += length
      return bytes.slice(offset, offset + length)
    },
    total: () => total
  }
}
