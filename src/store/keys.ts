import { createHash } from 'node:crypto'

/**
 * A key made of its parts one after another. Bytes are taken as they are and must be of fixed length where others
 * follow; text is hashed to 16 bytes, for paths can be longer than LMDB's keys.
 */
export function keyOf (...parts: (Uint8Array | string)[]): Uint8Array {
  const all = parts.map(part => typeof part === 'string' ? createHash('sha256').update(part).digest().subarray(0, 16) : part)
  return all.length === 1 && all[0] !== undefined ? all[0] : Buffer.concat(all)
}

/** A number as four bytes that sort as it does. */
export function uint32 (value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}
