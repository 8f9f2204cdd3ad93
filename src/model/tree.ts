import { HAMT_THRESHOLD_BYTES, TREE_LINKS } from './profile.ts'
import { ModelswarmError } from '../errors.ts'
import { cidOfDigest, EMPTY_DIGEST } from './block-id.ts'
import { putHamt } from './hamt.ts'
import { ManifestBuilder } from './manifest-builder.ts'
import { compareNames } from './name-order.ts'
import { shownText } from './shown-text.ts'
import { TREE_LIMITS } from './tree-limits.ts'
import { FOLDER_FRAME_BYTES, linkBytes, putFileNode, putFolderNode } from './tree-node.ts'
import type { Manifest } from './manifest.ts'
import type { FolderLink, NodeParts, TreeLink } from './tree-node.ts'

/** One block of a file, in file order. */
export interface Leaf {
  /** 32 bytes, sha2-256 of the block. */
  readonly digest: Uint8Array
  readonly sizeBytes: number
}

/** Leaves room below TREE_LIMITS.depth for the levels of a large folder and of a large file. */
const MAX_FOLDERS = TREE_LIMITS.depth - 8

interface OpenFolder {
  name: string
  links: FolderLink[]
  /** Name of the entry added last, closed or not. */
  lastName: string | undefined
  /** What its node takes so far, as ipfs-unixfs-importer counts: folders with content are not yet known to it. */
  countedBytes: number
}

/**
 * Builds the tree of a model, profile ms1, from digests alone: UnixFS as ipfs-unixfs-importer 17 makes it with profile
 * `unixfs-v1-2025`. Files come in the order of comparePaths, one at a time; memory is the links of the open folders and
 * at most 1,024 links a level of the open file, beside the manifest. Nodes go out through `onNode`, the root's last;
 * blocks never do, nor does the leaf of an empty file.
 */
export class TreeBuilder {
  readonly #parts: NodeParts
  readonly #manifest = new ManifestBuilder()
  readonly #open: OpenFolder[] = [openFolder('')]
  #entries = 0
  #slots = 0

  constructor (parts: NodeParts) {
    this.#parts = parts
  }

  /**
   * Adds a file with its blocks; an empty file has none. Await it before the next call.
   *
   * @throws RangeError when the path is out of order
   * @throws ModelswarmError ERR_TREE_LIMIT
   */
  async addFile (path: string, leaves: AsyncIterable<Leaf> | Iterable<Leaf>): Promise<void> {
    const name = await this.#enter(path)
    this.#manifest.openFile(path, 'raw')
    const levels = new FileLevels(this.#parts)
    for await (const { digest, sizeBytes } of leaves) {
      if (sizeBytes === 0) continue
      if (++this.#slots > TREE_LIMITS.slots) throw tooMuch(`The model has more than ${TREE_LIMITS.slots} blocks`)
      this.#manifest.addBlock(digest, sizeBytes)
      await levels.add(0, leafLink(digest, sizeBytes))
    }
    this.#addLink(await levels.finish(), name, true)
  }

  /** Adds a folder that holds nothing, in the same order as files. */
  async addEmptyFolder (path: string): Promise<void> {
    const name = await this.#enter(path)
    this.#manifest.addEmptyFolder(path)
    this.#addLink(await putFolderNode([], this.#parts), name, true)
  }

  /** Closes what is open. A model without any entry is an empty folder. */
  async finish (): Promise<Manifest> {
    while (this.#open.length > 1) await this.#leave()
    const root = await this.#putFolder(this.#top())
    return this.#manifest.build(root.cid)
  }

  /** Closes and opens folders up to the one of this path; returns the path's last name. */
  async #enter (path: string): Promise<string> {
    const names = path.split('/')
    const name = names.pop() ?? ''
    if (names.length > MAX_FOLDERS) throw tooMuch(`The path "${shownText(path)}" is more than ${MAX_FOLDERS} folders deep`)
    if (++this.#entries > TREE_LIMITS.entries) throw tooMuch(`The model has more than ${TREE_LIMITS.entries} files`)
    let shared = 0
    while (shared < names.length && this.#open[shared + 1]?.name === names[shared]) shared++
    while (this.#open.length > shared + 1) await this.#leave()
    for (const folder of names.slice(shared)) {
      this.#next(folder, path)
      this.#open.push(openFolder(folder))
    }
    this.#next(name, path)
    return name
  }

  #next (name: string, path: string): void {
    const folder = this.#top()
    if (folder.lastName !== undefined && compareNames(folder.lastName, name) >= 0) {
      throw new RangeError(`Path out of order: "${shownText(path)}" comes after "${shownText(folder.lastName)}"`)
    }
    folder.lastName = name
  }

  async #leave (): Promise<void> {
    const folder = this.#open.pop()
    if (folder === undefined) return
    this.#addLink(await this.#putFolder(folder), folder.name, false)
  }

  #addLink (link: TreeLink, name: string, isCounted: boolean): void {
    const folder = this.#top()
    const entry = { ...link, name }
    folder.links.push(entry)
    if (isCounted) folder.countedBytes += linkBytes(entry)
  }

  async #putFolder (folder: OpenFolder): Promise<TreeLink> {
    // The importer decides while entries arrive, when the folders among them have no size yet: thousands of folders in
    // one folder stay plain. We follow it, as long as anybody can read the node.
    const isHamt = folder.countedBytes > HAMT_THRESHOLD_BYTES || sizeOf(folder) > TREE_LIMITS.leafBytes
    return isHamt ? await putHamt(folder.links, this.#parts) : await putFolderNode(folder.links, this.#parts)
  }

  #top (): OpenFolder {
    const folder = this.#open[this.#open.length - 1]
    if (folder === undefined) throw new RangeError('TreeBuilder used after finish')
    return folder
  }
}

/**
 * The levels of a balanced tree over one file, each with at most 1,024 links waiting. A full level becomes a node when
 * one more link comes, not before, so that the last one can be the root.
 */
class FileLevels {
  readonly #parts: NodeParts
  readonly #levels: TreeLink[][] = [[]]

  constructor (parts: NodeParts) {
    this.#parts = parts
  }

  async add (level: number, link: TreeLink): Promise<void> {
    const waiting = this.#levels[level] ??= []
    if (waiting.length === TREE_LINKS) await this.add(level + 1, await putFileNode(waiting.splice(0), this.#parts))
    waiting.push(link)
  }

  async finish (): Promise<TreeLink> {
    for (let level = 0; ; level++) {
      const waiting = this.#levels[level] ?? []
      const only = waiting[0]
      if (level === this.#levels.length - 1 && waiting.length <= 1) return only ?? leafLink(EMPTY_DIGEST, 0)
      await this.add(level + 1, await putFileNode(waiting.splice(0), this.#parts))
    }
  }
}

function leafLink (digest: Uint8Array, sizeBytes: number): TreeLink {
  return { cid: cidOfDigest(digest.slice()), fileBytes: sizeBytes, treeBytes: sizeBytes }
}

function tooMuch (message: string): ModelswarmError {
  return new ModelswarmError('ERR_TREE_LIMIT', message)
}

function openFolder (name: string): OpenFolder {
  return { name, links: [], lastName: undefined, countedBytes: FOLDER_FRAME_BYTES }
}

function sizeOf (folder: OpenFolder): number {
  return folder.links.reduce((sum, link) => sum + linkBytes(link), FOLDER_FRAME_BYTES)
}
