import { ModelswarmError } from '../errors.ts'
import type { FileIdentity } from '../files/file-identity.ts'
import type { LeafKind } from '../model/manifest.ts'

// A file in the index, as stored (big endian):
//
//   0 format (1 = this)   1 complete (0, 1)   2 leaf (0 raw, 1 wrapped)   3 zero
//   4 blocks (4)   8 size (8)   16 mtime ns (8, signed)   24 ctime ns (8, signed)   32 inode (8)   40 path, UTF-8

/** A file whose blocks are indexed. */
export interface FileRecord {
  readonly path: string
  readonly identity: FileIdentity
  /** How its blocks are named. */
  readonly leaf: LeafKind
  /** All its blocks are indexed; false while they are being added, and for ever after a crash in between. */
  readonly complete: boolean
  readonly blockCount: number
}

const FORMAT = 1
const HEAD_BYTES = 40
const LEAVES: readonly LeafKind[] = ['raw', 'wrapped']

export function encodeFileRecord (record: FileRecord): Uint8Array {
  const path = Buffer.from(record.path)
  const bytes = Buffer.alloc(HEAD_BYTES + path.byteLength)
  bytes[0] = FORMAT
  bytes[1] = record.complete ? 1 : 0
  bytes[2] = LEAVES.indexOf(record.leaf)
  bytes.writeUInt32BE(record.blockCount, 4)
  bytes.writeBigUInt64BE(BigInt(record.identity.sizeBytes), 8)
  bytes.writeBigInt64BE(record.identity.mtimeNs, 16)
  bytes.writeBigInt64BE(record.identity.ctimeNs, 24)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, record.identity.inode), 32)
  path.copy(bytes, HEAD_BYTES)
  return bytes
}

/** @throws ModelswarmError ERR_STATE_DAMAGED */
export function decodeFileRecord (stored: Uint8Array): FileRecord {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
  const leaf = LEAVES[bytes[2] ?? LEAVES.length]
  if (bytes[0] !== FORMAT || bytes.byteLength < HEAD_BYTES || leaf === undefined) {
    throw new ModelswarmError('ERR_STATE_DAMAGED',
      'Cannot read the index of files: a record is not as this program writes it; move "db" in the state folder away')
  }
  return {
    path: bytes.toString('utf8', HEAD_BYTES),
    identity: {
      sizeBytes: Number(bytes.readBigUInt64BE(8)),
      mtimeNs: bytes.readBigInt64BE(16),
      ctimeNs: bytes.readBigInt64BE(24),
      inode: bytes.readBigUInt64BE(32)
    },
    leaf,
    complete: bytes[1] === 1,
    blockCount: bytes.readUInt32BE(4)
  }
}
