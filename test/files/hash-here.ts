import { createHash } from 'node:crypto'
import { readExactly } from '../../src/files/reader.ts'
import type { HashSpan } from '../../src/files/hash-spans.ts'

/** Reads and hashes a span on this thread. */
export const hashHere: HashSpan = async ({ handle, path }, { offset, lengths, sizeBytes }) => {
  const bytes = await readExactly(handle, path, offset, sizeBytes, new Uint8Array(sizeBytes))
  const digests: Buffer[] = []
  let at = 0
  for (const length of lengths) {
    digests.push(createHash('sha256').update(bytes.subarray(at, at + length)).digest())
    at += length
  }
  return Buffer.concat(digests)
}
