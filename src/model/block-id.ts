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
