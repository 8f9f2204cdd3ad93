import { decode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { ModelswarmError } from '../errors.ts'
import { cidOfDigest, DAG_PB_CODEC, DIGEST_BYTES, digestOfCid, EMPTY_DIGEST, RAW_CODEC, sameBytes } from './block-id.ts'
import { unwrapLeaf, wrappedBytes } from './leaf.ts'
import { TREE_LIMITS } from './tree-limits.ts'
import type { ErrorCode } from '../errors.ts'
import type { PBNode } from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'

/** A node of a foreign tree, taken apart; the bytes it was read from are not kept. */
export type TreeNode = FolderNode | FileNode | LeafNode

/** A UnixFS Directory, or one shard of a HAMT directory. */
export interface FolderNode {
  readonly kind: 'folder'
  readonly entries: readonly FolderEntry[]
  /** Hex digits before each name in a HAMT shard; 0 in a plain folder. */
  readonly prefixChars: number
  /** Digests of the shards below this one. */
  readonly shards: readonly Uint8Array[]
}

export interface FolderEntry {
  readonly name: string
  readonly digest: Uint8Array
  /** The entry is a file of this one raw block; undefined: the entry is a node. */
  readonly rawBytes: number | undefined
  /** What the link claims for all that is below it. */
  readonly treeBytes: number | undefined
}

/** A UnixFS File with links, as columns. Links to empty blocks are left out. */
export interface FileNode {
  readonly kind: 'file'
  readonly sizeBytes: number
  readonly digests: Uint8Array
  readonly sizes: Float64Array
  readonly links: Uint8Array
}

/** What a link of a file node leads to: a block of raw bytes, a wrapped leaf, a node that has to be read. */
export const LINK_RAW = 1
export const LINK_WRAPPED = 2
export const LINK_NODE = 4

/** A wrapped leaf, or a file without any bytes. */
export interface LeafNode {
  readonly kind: 'leaf'
  readonly digest: Uint8Array
  readonly sizeBytes: number
}

/**
 * Takes a verified dag-pb node apart.
 *
 * @throws ModelswarmError ERR_BAD_TREE when it contradicts itself, ERR_UNSUPPORTED_TREE when it is something that this
 *   library does not read, in words
 */
export function readNode (digest: Uint8Array, bytes: Uint8Array): TreeNode {
  const at = new NodeFault(digest)
  const node = at.attempt('ERR_BAD_TREE', 'is not dag-pb', () => decode(bytes))
  const { Data } = node
  if (Data === undefined) throw at.fault('ERR_UNSUPPORTED_TREE', 'is dag-pb without UnixFS data')
  const unixfs = at.attempt('ERR_UNSUPPORTED_TREE', 'is dag-pb, but not UnixFS', () => UnixFS.unmarshal(Data))
  switch (unixfs.type) {
    case 'directory':
      return {
        kind: 'folder',
        entries: node.Links.map(link => entryOf(link, link.Name ?? '', at)),
        prefixChars: 0,
        shards: []
      }
    case 'hamt-sharded-directory':
      return readShard(node, unixfs, at)
    case 'file':
    case 'raw':
      return node.Links.length === 0 ? readLeaf(digest, bytes, unixfs) : readFile(node, unixfs, at)
    default:
      throw at.fault('ERR_UNSUPPORTED_TREE', `is a UnixFS ${unixfs.type}; only files and folders can be pulled`)
  }
}

type Link = PBNode['Links'][number]

function entryOf (link: Link, name: string, at: NodeFault): FolderEntry {
  const digest = copyOf(at.linkDigest(link.Hash))
  const treeBytes = link.Tsize
  if (link.Hash.code === DAG_PB_CODEC) return { name, digest, treeBytes, rawBytes: undefined }
  if (treeBytes === undefined) throw at.fault('ERR_BAD_TREE', 'links to a raw block without its size')
  at.checkRawBytes(treeBytes, digest)
  return { name, digest, treeBytes, rawBytes: treeBytes }
}

function readShard (node: PBNode, unixfs: UnixFS, at: NodeFault): FolderNode {
  const fanOut = Number(unixfs.fanout ?? 0)
  if (!(fanOut >= 2 && fanOut <= 65_536 && (fanOut & (fanOut - 1)) === 0)) {
    throw at.fault('ERR_UNSUPPORTED_TREE', `is a HAMT folder of fan-out ${fanOut}`)
  }
  const prefixChars = (fanOut - 1).toString(16).length
  const entries: FolderEntry[] = []
  const shards: Uint8Array[] = []
  for (const link of node.Links) {
    const label = link.Name ?? ''
    const slot = label.slice(0, prefixChars)
    if (slot.length < prefixChars || !/^[0-9A-F]+$/.test(slot) || parseInt(slot, 16) >= fanOut) {
      throw at.fault('ERR_BAD_TREE', 'is a HAMT folder with a link that does not begin with its slot')
    }
    if (label.length > prefixChars) {
      entries.push(entryOf(link, label.slice(prefixChars), at))
    } else {
      const digest = copyOf(at.linkDigest(link.Hash))
      if (link.Hash.code !== DAG_PB_CODEC) throw at.fault('ERR_BAD_TREE', 'is a HAMT folder with a raw block as shard')
      shards.push(digest)
    }
  }
  return { kind: 'folder', entries, prefixChars, shards }
}

function readLeaf (digest: Uint8Array, bytes: Uint8Array, unixfs: UnixFS): LeafNode {
  const sizeBytes = unixfs.data?.byteLength ?? 0
  // a file without bytes has no block, so nothing of it has to be re-made: a mode or a time does no harm
  if (sizeBytes > 0) unwrapLeaf(bytes)
  return { kind: 'leaf', digest: copyOf(digest), sizeBytes }
}

function readFile (node: PBNode, unixfs: UnixFS, at: NodeFault): FileNode {
  if ((unixfs.data?.byteLength ?? 0) > 0) {
    throw at.fault('ERR_UNSUPPORTED_TREE', 'is a file node that has both bytes and links')
  }
  if (unixfs.blockSizes.length !== node.Links.length) {
    throw at.fault('ERR_BAD_TREE', `has ${node.Links.length} links and ${unixfs.blockSizes.length} sizes`)
  }
  const digests = new Uint8Array(node.Links.length * DIGEST_BYTES)
  const sizes = new Float64Array(node.Links.length)
  const links = new Uint8Array(node.Links.length)
  let count = 0
  let sizeBytes = 0
  for (const [i, link] of node.Links.entries()) {
    const size = Number(unixfs.blockSizes[i] ?? 0n)
    sizeBytes += size
    if (!Number.isSafeInteger(sizeBytes)) throw at.fault('ERR_BAD_TREE', 'has a size over 2^53')
    const digest = at.linkDigest(link.Hash)
    const kind = linkKind(link, size, at)
    if (size === 0 && kind === LINK_RAW) continue
    digests.set(digest, count * DIGEST_BYTES)
    sizes[count] = size
    links[count++] = kind
  }
  return {
    kind: 'file',
    sizeBytes,
    digests: digests.slice(0, count * DIGEST_BYTES),
    sizes: sizes.slice(0, count),
    links: links.slice(0, count)
  }
}

/**
 * A node above blocks is at least 40 bytes larger than they are, a wrapped leaf exactly `wrappedBytes` in all: so
 * leaves are known without being fetched. One that claims this size and is no leaf fails when it is unwrapped.
 */
function linkKind (link: Link, size: number, at: NodeFault): number {
  if (link.Hash.code === RAW_CODEC) {
    at.checkRawBytes(size, digestOfCid(link.Hash))
    return LINK_RAW
  }
  return size > 0 && size <= TREE_LIMITS.leafBytes && link.Tsize === wrappedBytes(size) ? LINK_WRAPPED : LINK_NODE
}

/** A digest of its own memory: `slice` of a Buffer is a view, and would keep the whole node alive. */
function copyOf (digest: Uint8Array): Uint8Array {
  return new Uint8Array(digest)
}

/** Makes the errors about one node. */
class NodeFault {
  readonly #digest: Uint8Array

  constructor (digest: Uint8Array) {
    this.#digest = digest
  }

  fault (code: ErrorCode, what: string, cause?: unknown): ModelswarmError {
    const blockId = cidOfDigest(this.#digest, DAG_PB_CODEC).toString()
    return new ModelswarmError(code, `Node ${blockId} of the tree ${what}`, { blockId, cause })
  }

  attempt<T> (code: ErrorCode, what: string, run: () => T): T {
    try {
      return run()
    } catch (err) {
      throw this.fault(code, what, err)
    }
  }

  /** A view into the node. */
  linkDigest (cid: CID): Uint8Array {
    if (cid.multihash.code === 0) throw this.fault('ERR_UNSUPPORTED_TREE', 'links to a block inside its own CID')
    if (cid.code !== RAW_CODEC && cid.code !== DAG_PB_CODEC) {
      throw this.fault('ERR_UNSUPPORTED_TREE',
        `links to a block of codec 0x${cid.code.toString(16)}; only UnixFS can be pulled`)
    }
    return digestOfCid(cid)
  }

  /** A block of no bytes is never fetched, so what is called one must be named like one. */
  checkRawBytes (sizeBytes: number, digest: Uint8Array): void {
    if (sizeBytes === 0 && !sameBytes(digest, EMPTY_DIGEST)) throw this.fault('ERR_BAD_TREE', 'calls a block empty that is not')
    if (sizeBytes <= TREE_LIMITS.leafBytes) return
    throw this.fault('ERR_UNSUPPORTED_TREE',
      `links to a block of ${sizeBytes} bytes; blocks over ${TREE_LIMITS.leafBytes} bytes are not exchanged`)
  }
}
