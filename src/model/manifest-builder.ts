import { ModelswarmError } from '../errors.ts'
import { cidOfDigest } from './block-id.ts'
import { DigestIndex } from './digest-index.ts'
import { Manifest } from './manifest.ts'
import type { LeafKind, ManifestFile } from './manifest.ts'
import type { CID } from 'multiformats/cid'

/**
 * Builds a manifest file by file, block by block, in tree order (directory entries in byte order of their names, a
 * folder's files where the folder's name sorts). `addBlock` belongs to the file opened last.
 */
export class ManifestBuilder {
  readonly #files: ManifestFile[] = []
  readonly #emptyFolders: string[] = []
  readonly #index = new DigestIndex()
  #offsets = new Float64Array(1024)
  #slotCount = 0
  readonly #repeatSlots: number[] = []
  readonly #repeatBlocks: number[] = []
  #open: { path: string, leaf: LeafKind, firstSlot: number, sizeBytes: number } | undefined

  addEmptyFolder (path: string): void {
    this.#emptyFolders.push(path)
  }

  openFile (path: string, leaf: LeafKind): void {
    this.#closeFile()
    this.#open = { path, leaf, firstSlot: this.#slotCount, sizeBytes: 0 }
  }

  /**
   * Appends one block to the open file. Copies the digest. Blocks of no bytes are not added: an empty file has none.
   *
   * @throws ModelswarmError ERR_BAD_TREE when the same digest came with another size
   */
  addBlock (digest: Uint8Array, sizeBytes: number): void {
    const file = this.#open
    if (file === undefined) throw new Error('addBlock before openFile')
    if (this.#slotCount === this.#offsets.length) {
      const grown = new Float64Array(this.#offsets.length * 2)
      grown.set(this.#offsets)
      this.#offsets = grown
    }
    const known = this.#index.count
    const block = this.#index.add(digest, sizeBytes)
    if (block < known) {
      if (this.#index.sizeBytes(block) !== sizeBytes) throw sizeClash(digest, this.#index.sizeBytes(block), sizeBytes)
      this.#repeatSlots.push(this.#slotCount)
      this.#repeatBlocks.push(block)
    }
    this.#offsets[this.#slotCount++] = file.sizeBytes
    file.sizeBytes += sizeBytes
  }

  build (root: CID): Manifest {
    this.#closeFile()
    return new Manifest(root, {
      files: this.#files,
      emptyFolders: this.#emptyFolders,
      digests: this.#index.digests(),
      sizes: this.#index.sizes(),
      offsets: this.#offsets.slice(0, this.#slotCount),
      repeatSlots: Uint32Array.from(this.#repeatSlots),
      repeatBlocks: Uint32Array.from(this.#repeatBlocks)
    })
  }

  #closeFile (): void {
    if (this.#open === undefined) return
    const { path, leaf, firstSlot, sizeBytes } = this.#open
    this.#files.push({ path, leaf, firstSlot, sizeBytes, slotCount: this.#slotCount - firstSlot })
    this.#open = undefined
  }
}

function sizeClash (digest: Uint8Array, expected: number, received: number): ModelswarmError {
  const blockId = cidOfDigest(digest.slice()).toString()
  return new ModelswarmError('ERR_BAD_TREE',
    `The tree gives block ${blockId} ${expected} bytes in one place and ${received} in another`,
    { blockId, expected, received })
}
