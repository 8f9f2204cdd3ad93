import { RESOLVE_BATCH_BYTES, RESOLVE_BATCH_NODES, USUAL_NODE_BYTES } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { cidOfDigest, DAG_PB_CODEC, DIGEST_BYTES, digestOfCid, RAW_CODEC } from './block-id.ts'
import { emitManifest } from './emit-manifest.ts'
import { ManifestBuilder } from './manifest-builder.ts'
import { measureTree } from './measure-tree.ts'
import { keyOf, NodeMap } from './node-map.ts'
import { LINK_NODE, readNode } from './read-node.ts'
import { checkNames } from './safe-name.ts'
import { TREE_LIMITS } from './tree-limits.ts'
import { verifyBytes } from './verify.ts'
import type { Hash } from './block-id.ts'
import type { Manifest } from './manifest.ts'
import type { TreeNode } from './read-node.ts'
import type { TreeLimits } from './tree-limits.ts'
import type { CID } from 'multiformats/cid'

// fetch level by level > measure what the tree unfolds to > unfold it in file order > check the names

export interface ResolveParts {
  /** Gives the bytes of these nodes, in this order; the caller of it owns them. Asked for many at once, each once. */
  getNodes: (cids: CID[], options: { signal?: AbortSignal }) => Promise<Uint8Array[]>
  hash: Hash
  /** Default: TREE_LIMITS. */
  limits?: TreeLimits
  signal?: AbortSignal
}

/**
 * Reads a model's tree: any UnixFS tree of files and folders named by sha2-256, ours or foreign. A root that is a file
 * becomes a folder with that one entry, named by the root. Every node is verified; sizes add up inside the tree. What
 * only the blocks can show is left to the caller: a block whose bytes fit its digest but not its size in the manifest
 * means a lying tree (ERR_BAD_TREE), not a bad source.
 *
 * @throws ModelswarmError ERR_BAD_TREE, ERR_TREE_LIMIT, ERR_UNSUPPORTED_TREE, ERR_UNSAFE_NAME; ERR_BAD_BLOCK when
 *   getNodes gave other bytes than were asked for; what getNodes throws; the reason of `signal`
 */
export async function resolveManifest (root: CID, parts: ResolveParts): Promise<Manifest> {
  const id = root.toV1()
  const digest = digestOfCid(id)
  if (id.code === RAW_CODEC) return await rawFile(id, parts)
  if (id.code !== DAG_PB_CODEC) {
    throw new ModelswarmError('ERR_UNSUPPORTED_TREE',
      `Root ${id} has codec 0x${id.code.toString(16)}; only UnixFS files and folders can be pulled`)
  }
  const limits = parts.limits ?? TREE_LIMITS
  const nodes = await fetchTree(digest, parts, limits)
  measureTree(nodes.get(digest), nodes, limits)
  const manifest = emitManifest(id, nodes)
  checkNames(manifest)
  return manifest
}

async function rawFile (root: CID, parts: ResolveParts): Promise<Manifest> {
  const digest = digestOfCid(root)
  const [bytes] = await getVerified([{ digest, treeBytes: 0 }], parts, RAW_CODEC)
  const builder = new ManifestBuilder()
  builder.openFile(root.toString(), 'raw')
  if (bytes !== undefined && bytes.byteLength > 0) builder.addBlock(digest, bytes.byteLength)
  return builder.build(root)
}

/** A node still to be read. */
interface Want {
  digest: Uint8Array
  /** All that is below it, as its link says: an upper bound of its own size. */
  treeBytes: number | undefined
}

async function fetchTree (root: Uint8Array, parts: ResolveParts, limits: TreeLimits): Promise<NodeMap> {
  const nodes = new NodeMap()
  const asked = new Set([keyOf(root)])
  let links = 0
  let level: Want[] = [{ digest: root, treeBytes: undefined }]
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > limits.depth) throw tooLarge('levels', limits.depth)
    const below: Want[] = []
    for (const batch of batches(level)) {
      const found = await getVerified(batch, parts, DAG_PB_CODEC)
      for (const [i, { digest }] of batch.entries()) {
        const node = readNode(digest, found[i] ?? new Uint8Array(0))
        nodes.set(digest, node)
        links += node.kind === 'file' ? node.links.length : node.kind === 'folder' ? node.entries.length : 0
        if (links > limits.links) throw tooLarge('links', limits.links)
        for (const want of wantsOf(node)) {
          const key = keyOf(want.digest)
          if (asked.has(key)) continue
          asked.add(key)
          if (asked.size > limits.nodes) throw tooLarge('nodes', limits.nodes)
          below.push(want)
        }
      }
    }
    level = below
  }
  return nodes
}

function * wantsOf (node: TreeNode): Generator<Want> {
  if (node.kind === 'folder') {
    for (const digest of node.shards) yield { digest, treeBytes: undefined }
    for (const { digest, rawBytes, treeBytes } of node.entries) if (rawBytes === undefined) yield { digest, treeBytes }
  } else if (node.kind === 'file') {
    for (let i = 0; i < node.links.length; i++) {
      if (node.links[i] !== LINK_NODE) continue
      yield { digest: node.digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES), treeBytes: undefined }
    }
  }
}

function * batches (wants: readonly Want[]): Generator<Want[]> {
  let batch: Want[] = []
  let bytes = 0
  for (const want of wants) {
    const isSmall = want.treeBytes !== undefined && want.treeBytes <= TREE_LIMITS.nodeBytes
    const guess = isSmall ? want.treeBytes ?? 0 : USUAL_NODE_BYTES
    if (batch.length === RESOLVE_BATCH_NODES || (batch.length > 0 && bytes + guess > RESOLVE_BATCH_BYTES)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(want)
    bytes += guess
  }
  if (batch.length > 0) yield batch
}

async function getVerified (wants: readonly Want[], parts: ResolveParts, codec: number): Promise<Uint8Array[]> {
  const { getNodes, hash, signal } = parts
  signal?.throwIfAborted()
  const cids = wants.map(({ digest }) => cidOfDigest(digest.slice(), codec))
  const found = await getNodes(cids, signal === undefined ? {} : { signal })
  await Promise.all(wants.map(async ({ digest }, i) => {
    const bytes = found[i] ?? new Uint8Array(0)
    await verifyBytes(bytes, digest, hash)
    const max = codec === RAW_CODEC ? TREE_LIMITS.leafBytes : TREE_LIMITS.nodeBytes
    if (bytes.byteLength > max) throw tooLarge(`bytes in node ${cids[i]}`, max)
  }))
  return found
}

function tooLarge (what: string, max: number): ModelswarmError {
  return new ModelswarmError('ERR_TREE_LIMIT', `The tree has more than ${max} ${what}`, { expected: max })
}
