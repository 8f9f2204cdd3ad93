import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { ModelswarmError } from '../errors.ts'

/** Multicodec of a block that is raw bytes of a file (multicodec table: raw). */
export const RAW_CODEC = 0x55
/** Multicodec of a node of the tree (multicodec table: dag-pb). */
export const DAG_PB_CODEC = 0x70
/** Multihash code of sha2-256, the only hash of this library. */
export const SHA2_256 = 0x12
/** Bytes of a sha2-256 digest. */
export const DIGEST_BYTES = 32

/** sha2-256 of no bytes: the leaf of an empty file. Never to be written to. */
export const EMPTY_DIGEST = Uint8Array.from([
  0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
  0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55
])

/** Hashes bytes with sha2-256 off the main thread; node.ts injects it. Resolves to 32 bytes; keeps nothing. */
export type Hash = (bytes: Uint8Array) => Promise<Uint8Array>

/** The CID (v1, raw, sha2-256) that names the block with this 32-byte digest; `codec` where it is a tree node. */
export function cidOfDigest (digest: Uint8Array, codec: number = RAW_CODEC): CID {
  return CID.createV1(codec, Digest.create(SHA2_256, digest))
}

/**
 * The 32-byte sha2-256 digest in a CID.
 *
 * @throws ModelswarmError ERR_UNSUPPORTED_TREE when the CID uses another hash
 */
export function digestOfCid (cid: CID): Uint8Array {
  if (cid.multihash.code !== SHA2_256 || cid.multihash.digest.byteLength !== DIGEST_BYTES) {
    throw new ModelswarmError('ERR_UNSUPPORTED_TREE',
      `Block ${cid} is named by hash function 0x${cid.multihash.code.toString(16)}; only sha2-256 can be verified here`,
      { blockId: cid.toString() })
  }
  return cid.multihash.digest
}

/** True when two digests (or any two byte strings) are the same. */
export function sameBytes (a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false
  for (let i = 0; i < a.byteLength; i++) if (a[i] !== b[i]) return false
  return true
}
