import { BLOCKS_PER_PAGE } from './block-pages.ts'
import { keyOf, uint32 } from './keys.ts'
import { unreadable } from './stored-json.ts'

// The keys of places.ts, where their tables are drawn.

/** Digests in the index are cut to this; the whole one is in the file's page and compared. */
export const PREFIX_BYTES = 12

/** Of a path, or of one of its file ids. */
export function pathKey (path: string, fileId?: number): Uint8Array {
  return fileId === undefined ? keyOf(path) : keyOf(keyOf(path), uint32(fileId))
}

/** Of the page that holds the block of this rank. */
export function pageKey (fileId: number, rank: number): Uint8Array {
  return keyOf(uint32(fileId), uint32(Math.floor(rank / BLOCKS_PER_PAGE)))
}

/** Of one file's place of a block. */
export function indexKey (digest: Uint8Array, fileId: number): Uint8Array {
  return keyOf(digest.subarray(0, PREFIX_BYTES), uint32(fileId))
}

/** Above every key that begins with `start` and one 32-bit number. */
export function keyAfter (start: Uint8Array): Uint8Array {
  return keyOf(start, new Uint8Array([255, 255, 255, 255, 255]))
}

/** What uint32 made. @throws ModelswarmError ERR_STATE_DAMAGED for anything else */
export function toNumber (bytes: Uint8Array | undefined): number | undefined {
  if (bytes !== undefined && bytes.byteLength !== 4) throw unreadable()
  return bytes === undefined ? undefined : Buffer.from(bytes).readUInt32BE(0)
}
