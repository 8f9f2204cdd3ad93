import { varint } from 'multiformats'

// The Data message of UnixFS (UnixFS spec, section dag-pb): 1 Type, 3 filesize, 4 blocksizes, one field each.
const TYPE = 0x08
const FILE_SIZE = 0x18
const BLOCK_SIZE = 0x20
const FILE = 2

/**
 * The UnixFS Data of a file above blocks, from the file bytes below each link. What UnixFS.marshal of ipfs-unixfs 13
 * gives, but for sizes from 2^31 to 2^32 - 1: its protons-runtime 7 (and 8) writes these without their end.
 */
export function fileData (blockSizes: readonly number[]): Uint8Array {
  const fields: Array<readonly [tag: number, value: number]> = [
    [TYPE, FILE],
    [FILE_SIZE, blockSizes.reduce((sum, size) => sum + size, 0)],
    ...blockSizes.map(size => [BLOCK_SIZE, size] as const)
  ]
  const bytes = new Uint8Array(fields.reduce((sum, [, value]) => sum + 1 + varint.encodingLength(value), 0))
  let at = 0
  for (const [tag, value] of fields) {
    bytes[at] = tag
    varint.encodeTo(value, bytes, at + 1)
    at += 1 + varint.encodingLength(value)
  }
  return bytes
}
