import { ModelswarmError } from '../errors.ts'
import { cidOfDigest, DAG_PB_CODEC } from './block-id.ts'
import type { FileNode, FolderNode, LeafNode, TreeNode } from './read-node.ts'

/** The distinct nodes of a tree by their digests. Asking for one as what it is not is ERR_BAD_TREE. */
export class NodeMap {
  readonly #nodes = new Map<string, TreeNode>()

  set (digest: Uint8Array, node: TreeNode): void {
    this.#nodes.set(keyOf(digest), node)
  }

  get (digest: Uint8Array): TreeNode {
    const node = this.#nodes.get(keyOf(digest))
    if (node === undefined) throw new RangeError('A node of the tree was never read')
    return node
  }

  /** A shard below a HAMT folder of this many prefix characters. */
  shard (digest: Uint8Array, prefixChars: number): FolderNode {
    const node = this.get(digest)
    if (node.kind === 'folder' && node.prefixChars === prefixChars) return node
    throw badTree(digest, 'stands where a shard of a HAMT folder belongs')
  }

  /** A node below a file node that gives it this size. */
  filePart (digest: Uint8Array, sizeBytes: number): FileNode | LeafNode {
    const node = this.get(digest)
    if (node.kind === 'folder') throw badTree(digest, 'is a folder inside a file')
    if (node.sizeBytes === sizeBytes) return node
    throw badTree(digest, `holds ${node.sizeBytes} bytes, but the node above it says ${sizeBytes}`)
  }
}

/** A short string for a digest, as a key: one character a byte. */
export function keyOf (digest: Uint8Array): string {
  return String.fromCharCode(...digest)
}

function badTree (digest: Uint8Array, what: string): ModelswarmError {
  const blockId = cidOfDigest(digest.slice(), DAG_PB_CODEC).toString()
  return new ModelswarmError('ERR_BAD_TREE', `Node ${blockId} of the tree ${what}`, { blockId })
}
