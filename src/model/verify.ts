import { isModelswarmError, ModelswarmError } from '../errors.ts'
import { cidOfDigest, sameBytes } from './block-id.ts'
import { rewrapLeaf } from './leaf.ts'
import type { Hash } from './block-id.ts'
import type { Manifest } from './manifest.ts'

/**
 * The one door through which foreign bytes become a block (I1): resolves when the bytes hash to the digest.
 *
 * @throws ModelswarmError ERR_BAD_BLOCK when they do not, naming the source they came from
 */
export async function verifyBytes (
  bytes: Uint8Array, digest: Uint8Array, hash: Hash, sourceId?: string
): Promise<void> {
  const seen = await hash(bytes)
  if (!sameBytes(seen, digest)) throw badBlock(digest, sourceId)
}

/** What is said of bytes that do not hash to the digest they were asked for by. */
export function badBlock (digest: Uint8Array, sourceId?: string): ModelswarmError {
  const blockId = cidOfDigest(digest).toString()
  return new ModelswarmError('ERR_BAD_BLOCK', `Block ${blockId} came with other bytes than its name says`,
    { blockId, ...(sourceId !== undefined && { sourceId }) })
}

/**
 * The same door for a block of a model, given as file bytes: a foreign wrapped leaf is re-made around them first.
 *
 * @throws ModelswarmError ERR_BAD_BLOCK; ERR_BAD_TREE when they are the block's, and not as many as the tree says:
 *   then nobody can complete this model
 */
export async function verifyBlock (
  manifest: Manifest, block: number, bytes: Uint8Array, options: { hash: Hash, sourceId?: string }
): Promise<void> {
  const { hash, sourceId } = options
  const digest = manifest.digest(block)
  const isRewrapped = manifest.leaf(block) === 'wrapped' && await rewrapLeaf(bytes, digest, hash) !== undefined
  if (!isRewrapped) await verifyBytes(bytes, digest, hash, sourceId)
  const expected = manifest.sizeBytes(block)
  const received = bytes.byteLength
  if (received === expected) return
  throw new ModelswarmError('ERR_BAD_TREE', `Block ${block} has ${received} bytes; the tree says ${expected}`,
    { expected, received })
}

/** The same door as a question: for bytes of our own disk, which are nobody's lie. */
export async function isBlock (
  manifest: Manifest, block: number, bytes: Uint8Array, { hash }: { hash: Hash }
): Promise<boolean> {
  try {
    await verifyBlock(manifest, block, bytes, { hash })
    return true
  } catch (err) {
    if (isModelswarmError(err, 'ERR_BAD_BLOCK')) return false
    throw err
  }
}
