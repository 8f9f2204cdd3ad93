import { ModelswarmError } from '../errors.ts'
import { DIGEST_BYTES, digestOfCid } from './block-id.ts'
import { ManifestBuilder } from './manifest-builder.ts'
import { compareNames } from './name-order.ts'
import { LINK_NODE, LINK_WRAPPED } from './read-node.ts'
import { checkName } from './safe-name.ts'
import { shownText } from './shown-text.ts'
import type { LeafKind, Manifest } from './manifest.ts'
import type { NodeMap } from './node-map.ts'
import type { FileNode, FolderEntry, FolderNode, LeafNode } from './read-node.ts'
import type { CID } from 'multiformats/cid'

/**
 * Unfolds a measured tree into its manifest, depth first, the entries of each folder in byte order of their names. All
 * recursion is bounded by the depth that was measured.
 *
 * @throws ModelswarmError ERR_BAD_TREE, ERR_UNSAFE_NAME
 */
export function emitManifest (root: CID, nodes: NodeMap): Manifest {
  const emitter = new Emitter(nodes)
  const node = nodes.get(digestOfCid(root))
  if (node.kind === 'folder') emitter.folder('', node)
  else emitter.file(root.toString(), node)
  return emitter.builder.build(root)
}

class Emitter {
  readonly builder = new ManifestBuilder()
  readonly #nodes: NodeMap

  constructor (nodes: NodeMap) {
    this.#nodes = nodes
  }

  folder (path: string, folder: FolderNode): void {
    const entries: FolderEntry[] = []
    this.#collect(folder, entries)
    entries.sort((a, b) => compareNames(a.name, b.name))
    if (entries.length === 0 && path !== '') this.builder.addEmptyFolder(path)
    let last: string | undefined
    for (const { name, digest, rawBytes } of entries) {
      const entryPath = path === '' ? name : `${path}/${name}`
      checkName(name, entryPath)
      if (name === last) {
        throw new ModelswarmError('ERR_BAD_TREE', `The tree has "${shownText(entryPath)}" twice`, { path: entryPath })
      }
      last = name
      if (rawBytes !== undefined) {
        this.builder.openFile(entryPath, 'raw')
        if (rawBytes > 0) this.builder.addBlock(digest, rawBytes)
        continue
      }
      const node = this.#nodes.get(digest)
      if (node.kind === 'folder') this.folder(entryPath, node)
      else this.file(entryPath, node)
    }
  }

  file (path: string, node: FileNode | LeafNode): void {
    this.builder.openFile(path, this.#leafKind(node))
    this.#blocks(node)
  }

  #collect (folder: FolderNode, into: FolderEntry[]): void {
    for (const entry of folder.entries) into.push(entry)
    for (const shard of folder.shards) this.#collect(this.#nodes.shard(shard, folder.prefixChars), into)
  }

  /** All leaves of a file are of one kind (measured): the first tells. */
  #leafKind (node: FileNode | LeafNode): LeafKind {
    if (node.kind === 'leaf') return node.sizeBytes > 0 ? 'wrapped' : 'raw'
    const first = node.sizes.findIndex(size => size > 0)
    if (first === -1) return 'raw'
    if (node.links[first] !== LINK_NODE) return node.links[first] === LINK_WRAPPED ? 'wrapped' : 'raw'
    return this.#leafKind(this.#part(node, first))
  }

  #blocks (node: FileNode | LeafNode): void {
    if (node.kind === 'leaf') {
      if (node.sizeBytes > 0) this.builder.addBlock(node.digest, node.sizeBytes)
      return
    }
    for (let i = 0; i < node.links.length; i++) {
      if (node.links[i] === LINK_NODE) this.#blocks(this.#part(node, i))
      else this.builder.addBlock(digestAt(node, i), node.sizes[i] ?? 0)
    }
  }

  #part (node: FileNode, i: number): FileNode | LeafNode {
    return this.#nodes.filePart(digestAt(node, i), node.sizes[i] ?? 0)
  }
}

function digestAt (node: FileNode, i: number): Uint8Array {
  return node.digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES)
}
