import { HEADER_FIRST_BYTES, HEADER_MOST_BYTES } from '../machine-defaults.ts'
import { ensure } from './malformed.ts'
import type { ReadRange } from './tensor-table.ts'

/**
 * Reads a little-endian header of unknown length front to back, in chunks that double up to 4 MiB, so that every byte
 * is read about once and memory is one chunk. Every method moves on; past `end` the header is malformed.
 */
export class HeaderCursor {
  /** Position in the file. */
  offset = 0
  readonly #read: ReadRange
  readonly #end: number
  #chunk: DataView = new DataView(new ArrayBuffer(0))
  #chunkOffset = 0
  #nextChunkBytes = HEADER_FIRST_BYTES

  constructor (read: ReadRange, end: number) {
    this.#read = read
    this.#end = end
  }

  /** How many bytes there can still be. */
  get left (): number {
    return this.#end - this.offset
  }

  /** True when the next `bytes` are in memory: then the sync methods may be used. */
  has (bytes: number): boolean {
    const at = this.offset - this.#chunkOffset
    return at >= 0 && at + bytes <= this.#chunk.byteLength
  }

  /** Brings the next `bytes` (at most a few KiB) into memory. */
  async load (bytes: number): Promise<void> {
    if (this.has(bytes)) return
    ensure(bytes <= this.left, 'header cut short')
    const length = Math.min(this.left, Math.max(this.#nextChunkBytes, bytes))
    this.#nextChunkBytes = Math.min(HEADER_MOST_BYTES, this.#nextChunkBytes * 2)
    const chunk = await this.#read(this.offset, length, bytes)
    ensure(chunk.byteLength >= bytes, 'header cut short')
    this.#chunk = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    this.#chunkOffset = this.offset
  }

  skip (bytes: number): void {
    ensure(bytes <= this.left, 'header cut short')
    this.offset += bytes
  }

  /** After load(4). */
  u32Loaded (): number {
    const value = this.#chunk.getUint32(this.offset - this.#chunkOffset, true)
    this.offset += 4
    return value
  }

  /** After load(8). */
  u64Loaded (): number {
    const at = this.offset - this.#chunkOffset
    const value = this.#chunk.getUint32(at, true) + this.#chunk.getUint32(at + 4, true) * 2 ** 32
    ensure(Number.isSafeInteger(value), 'number over 2^53')
    this.offset += 8
    return value
  }

  async u32 (): Promise<number> {
    await this.load(4)
    return this.u32Loaded()
  }

  async u64 (): Promise<number> {
    await this.load(8)
    return this.u64Loaded()
  }

  /** A string with its u64 length before it. */
  async string (maxBytes: number): Promise<string> {
    const length = await this.u64()
    ensure(length <= maxBytes, 'string too long')
    await this.load(length)
    const at = this.#chunk.byteOffset + this.offset - this.#chunkOffset
    const text = new TextDecoder().decode(new Uint8Array(this.#chunk.buffer, at, length))
    this.offset += length
    return text
  }
}
