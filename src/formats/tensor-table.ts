import { isGguf, readGguf } from './gguf.ts'
import { Malformed } from './malformed.ts'
import { readSafetensors } from './safetensors.ts'

/** One tensor of a weights file: a named range of its bytes. */
export interface Tensor {
  readonly name: string
  /** As the format names it: `BF16`, `Q4_K`, …; `ggml-type-N` for a GGUF type unknown here. */
  readonly dtype: string
  /** Dimensions in the order the file states them (safetensors: slowest first, GGUF: fastest first). */
  readonly shape: readonly number[]
  /** Where its bytes begin, from the start of the file. */
  readonly offset: number
  /** Its own bytes, without padding after it. */
  readonly sizeBytes: number
}

/** What the header of a weights file says. */
export interface TensorTable {
  readonly format: 'safetensors' | 'gguf'
  /** Bytes before the first tensor: header and its padding. The whole file when there is no tensor. */
  readonly headerBytes: number
  /** By ascending offset, all within the file, none overlapping. */
  readonly tensors: readonly Tensor[]
}

/**
 * Reads up to `length` bytes at `offset` of a file, and at least `least` (default: all of them); fewer only at its end.
 * The caller of it owns the bytes.
 */
export type ReadRange = (offset: number, length: number, least?: number) => Promise<Uint8Array>

const WEIGHTS = /\.(safetensors|gguf)$/i
/** Room for the magic of one format and the header's length of the other. */
const LEAST_BYTES = 8

/** True for the name and size of a file that readTensorTable may find tensors in, as far as these tell. */
export function isNamedWeights (path: string, fileBytes: number): boolean {
  return fileBytes >= LEAST_BYTES && WEIGHTS.test(path)
}

/**
 * Reads the tensor table of a weights file: GGUF by its magic, safetensors by the extension of `path`.
 * Undefined for any other file and for a malformed one: such a file is cut like plain bytes. Never allocates more than
 * the format's header limit, whatever the header claims.
 *
 * @throws only what `read` throws
 */
export async function readTensorTable (
  path: string, read: ReadRange, fileBytes: number
): Promise<TensorTable | undefined> {
  if (fileBytes < LEAST_BYTES) return undefined
  const start = await read(0, LEAST_BYTES)
  if (start.byteLength < LEAST_BYTES) return undefined
  try {
    if (isGguf(start)) return await readGguf(read, fileBytes)
    if (path.toLowerCase().endsWith('.safetensors')) return await readSafetensors(read, fileBytes)
  } catch (err) {
    if (!(err instanceof Malformed)) throw err
  }
  return undefined
}
