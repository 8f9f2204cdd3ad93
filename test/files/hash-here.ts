import { createHash } from 'node:crypto'
import { readExactly } from '../../src/files/reader.ts'
import type { Span } from '../../src/cut/spans.ts'
import type { OpenFile, SpanHasher } from '../../src/files/hash-spans.ts'

/** Reads and hashes on this thread. */
export const hasherHere: SpanHasher = { hashSpan: hashHere, drop: () => {} }

export async function hashHere ({ handle, path }: OpenFile, { offset, lengths, sizeBytes }: Span): Promise<Uint8Array> {
  const bytes = await readExactly(handle, path, offset, sizeBytes, new Uint8Array(sizeBytes))
  const digests: Buffer[] = []
  let at = 0
  for (const length of lengths) {
    digests.push(createHash('sha256').update(bytes.subarray(at, at + length)).digest())
    at += length
  }
  return Buffer.concat(digests)
}
