import { DIGEST_BYTES } from '../model/block-id.ts'
import { unreadable } from './stored-json.ts'

// The ordered blocks of an indexed file, in pages:   0 offset of the first block in the file (8)   then n times digest
// (32), size (4)

/** 8 + 113 x 36 = 4,076 bytes: with LMDB's page header a page of blocks fills one page of 4 KiB. */
export const BLOCKS_PER_PAGE = 113
const HEAD_BYTES = 8
const ENTRY_BYTES = DIGEST_BYTES + 4

/** A block of an indexed file. */
export interface IndexedBlock {
  /** 32 bytes; a view. */
  readonly digest: Uint8Array
  readonly offset: number
  readonly sizeBytes: number
}

/** Fills pages block by block. */
export class PageWriter {
  #page = Buffer.alloc(HEAD_BYTES + BLOCKS_PER_PAGE * ENTRY_BYTES)
  #used = 0
  #offset = 0
  /** Blocks added so far: the next block's rank in the file. */
  count = 0

  /** Adds a block; a full page is returned, handed over. */
  add (digest: Uint8Array, sizeBytes: number): Uint8Array | undefined {
    if (this.#used === 0) this.#page.writeBigUInt64BE(BigInt(this.#offset))
    const at = HEAD_BYTES + this.#used * ENTRY_BYTES
    this.#page.set(digest, at)
    this.#page.writeUInt32BE(sizeBytes, at + DIGEST_BYTES)
    this.#offset += sizeBytes
    this.count++
    return ++this.#used === BLOCKS_PER_PAGE ? this.rest() : undefined
  }

  /** The page begun, cut to what is in it, handed over; undefined when there is none. */
  rest (): Uint8Array | undefined {
    if (this.#used === 0) return undefined
    const page = this.#page.subarray(0, HEAD_BYTES + this.#used * ENTRY_BYTES)
    this.#page = Buffer.alloc(this.#page.byteLength)
    this.#used = 0
    return page
  }
}

/**
 * The blocks of a page in order.
 *
 * @throws ModelswarmError ERR_STATE_DAMAGED
 */
export function * blocksOfPage (page: Uint8Array): Generator<IndexedBlock> {
  if (page.byteLength < HEAD_BYTES || (page.byteLength - HEAD_BYTES) % ENTRY_BYTES !== 0) throw unreadable()
  const bytes = Buffer.from(page.buffer, page.byteOffset, page.byteLength)
  let offset = Number(bytes.readBigUInt64BE(0))
  for (let at = HEAD_BYTES; at + ENTRY_BYTES <= bytes.byteLength; at += ENTRY_BYTES) {
    const sizeBytes = bytes.readUInt32BE(at + DIGEST_BYTES)
    yield { digest: bytes.subarray(at, at + DIGEST_BYTES), offset, sizeBytes }
    offset += sizeBytes
  }
}
