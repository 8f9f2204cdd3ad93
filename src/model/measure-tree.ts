import { ModelswarmError } from '../errors.ts'
import { DIGEST_BYTES } from './block-id.ts'
import { LINK_NODE, LINK_RAW, LINK_WRAPPED } from './read-node.ts'
import type { NodeMap } from './node-map.ts'
import type { FileNode, FolderNode, TreeNode } from './read-node.ts'
import type { TreeLimits } from './tree-limits.ts'

/** What a node stands for when every link below it is followed, repeats counted each time. */
interface Extent {
  readonly height: number
  readonly nodes: number
  readonly slots: number
  readonly entries: number
  readonly pathBytes: number
  /** LINK_RAW, LINK_WRAPPED or both: the leaves of a file node. */
  readonly leaves: number
}

/**
 * Works out how large a tree becomes when it is unfolded, without unfolding it: each distinct node is measured once, so
 * eight nodes that stand for 174^8 files are refused at once. The numbers are doubles: inexact past 2^53, far above
 * every limit.
 *
 * @throws ModelswarmError ERR_TREE_LIMIT, ERR_BAD_TREE, ERR_UNSUPPORTED_TREE for leaves of two kinds in one file
 */
export function measureTree (root: TreeNode, nodes: NodeMap, limits: TreeLimits): void {
  new TreeMeasure(nodes, limits).extent(root, 1)
}

class TreeMeasure {
  readonly #nodes: NodeMap
  readonly #limits: TreeLimits
  readonly #known = new Map<TreeNode, Extent>()

  constructor (nodes: NodeMap, limits: TreeLimits) {
    this.#nodes = nodes
    this.#limits = limits
  }

  /** Recursive, no deeper than limits.depth. */
  extent (node: TreeNode, depth: number): Extent {
    const known = this.#known.get(node)
    this.#check('depth', depth + (known?.height ?? 1) - 1)
    if (known !== undefined) return known
    const sum = new ExtentSum()
    if (node.kind === 'folder') this.#addFolder(sum, node, depth)
    else if (node.kind === 'file') this.#addFile(sum, node, depth)
    else if (node.sizeBytes > 0) sum.addLeaf(LINK_WRAPPED)
    const { height, nodes, slots, entries, pathBytes, leaves } = sum
    this.#check('nodes', nodes)
    this.#check('slots', slots)
    this.#check('entries', entries)
    this.#check('pathBytes', pathBytes)
    const extent = { height, nodes, slots, entries, pathBytes, leaves }
    this.#known.set(node, extent)
    return extent
  }

  #addFolder (sum: ExtentSum, node: FolderNode, depth: number): void {
    for (const shard of node.shards) sum.add(this.extent(this.#nodes.shard(shard, node.prefixChars), depth + 1))
    for (const { name, digest, rawBytes } of node.entries) {
      // at most 3 bytes a UTF-16 unit: an upper bound is enough here
      const nameBytes = name.length * 3 + 1
      if (rawBytes === undefined) {
        sum.addEntry(this.extent(this.#nodes.get(digest), depth + 1), nameBytes)
      } else {
        if (rawBytes > 0) sum.slots++
        sum.entries++
        sum.pathBytes += nameBytes
      }
    }
    sum.leaves = 0
  }

  #addFile (sum: ExtentSum, node: FileNode, depth: number): void {
    for (let i = 0; i < node.links.length; i++) {
      const link = node.links[i] ?? LINK_RAW
      if (link !== LINK_NODE) {
        sum.addLeaf(link)
        continue
      }
      const digest = node.digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES)
      sum.add(this.extent(this.#nodes.filePart(digest, node.sizes[i] ?? 0), depth + 1))
    }
    if (sum.leaves === (LINK_RAW | LINK_WRAPPED)) {
      throw new ModelswarmError('ERR_UNSUPPORTED_TREE', 'A file of the tree mixes raw and wrapped leaves')
    }
  }

  #check (limit: keyof TreeLimits, value: number): void {
    const max = this.#limits[limit]
    if (value <= max) return
    throw new ModelswarmError('ERR_TREE_LIMIT',
      `The tree has ${WHAT[limit] ?? limit}: more than ${max}. It is not a model, or not one that can be pulled here`,
      { expected: max, received: value })
  }
}

const WHAT: Partial<Record<keyof TreeLimits, string>> = {
  depth: 'too many levels',
  nodes: 'too many nodes',
  slots: 'too many blocks',
  entries: 'too many files and folders',
  pathBytes: 'too many bytes of paths'
}

class ExtentSum {
  height = 1
  nodes = 1
  slots = 0
  entries = 0
  pathBytes = 0
  leaves = 0

  add (extent: Extent): void {
    this.height = Math.max(this.height, extent.height + 1)
    this.nodes += extent.nodes
    this.slots += extent.slots
    this.entries += extent.entries
    this.pathBytes += extent.pathBytes
    this.leaves |= extent.leaves
  }

  addEntry (extent: Extent, nameBytes: number): void {
    this.add(extent)
    this.entries++
    this.pathBytes += nameBytes * (extent.entries + 1)
  }

  addLeaf (link: number): void {
    this.slots++
    this.leaves |= link
  }
}
