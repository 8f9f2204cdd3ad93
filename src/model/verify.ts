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
  if (sameBytes(seen, digest)) return
  throw new ModelswarmError('ERR_BAD_BLOCK', `Block ${cidOfDigest(digest)} came with other bytes than its name says`,
    { blockId: cidOfDigest(digest).toString(), ...(sourceId !== undefined && { sourceId }) })
}

/**
 * The same door for a block of a model, given as file bytes: a foreign wrapped leaf is re-made around them first.
 *
 * @throws ModelswarmError ERR_BAD_BLOCK
 */
export async function verifyBlock (
  manifest: Manifest, block: number, bytes: Uint8Array, options: { hash: Hash, sourceId?: string }
): Promise<void> {
  const { hash, sourceId } = options
  if (manifest.leaf(block) === 'wrapped' && await rewrapLeaf(bytes, manifest.digest(block), hash) !== undefined) return
  await verifyBytes(bytes, manifest.digest(block), hash, sourceId)
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
