import { cidOfDigest, DAG_PB_CODEC, DIGEST_BYTES, RAW_CODEC } from './block-id.ts'
import type { CID } from 'multiformats/cid'

// A manifest is columns, not objects, so that a model of a million blocks costs 44 bytes a block (I11: at most 50):
//
//   slot    one appearance of a block, in file order: file 0's blocks, file 1's, ...
//   block   a distinct block; its index is the rank of its first appearance
//
//   per slot   offset in its file (8)           per block   digest (32), size (4)
//   repeats    the few slots that show an earlier block again, ascending (8 each)

/**
 * How the leaves of a file are named. `raw`: the CID is of the bytes themselves (profile ms1). `wrapped`: foreign trees
 * whose leaves wrap the bytes in a UnixFS node, unwrapped when received, re-made from the file when served (leaf.ts).
 */
export type LeafKind = 'raw' | 'wrapped'

/** One file of a model: its slots are [firstSlot, firstSlot + slotCount). */
export interface ManifestFile {
  /** Path inside the model, segments joined by '/', names exactly as on the publisher's disk. */
  readonly path: string
  readonly sizeBytes: number
  readonly firstSlot: number
  readonly slotCount: number
  readonly leaf: LeafKind
}

/** Where a block lies: a range of one file of the model. */
export interface BlockPlace {
  readonly file: ManifestFile
  readonly offset: number
  readonly sizeBytes: number
}

/** The resolved tree of a model in memory: files, and for each its ordered blocks. Made by ManifestBuilder. */
export class Manifest {
  readonly root: CID
  readonly files: readonly ManifestFile[]
  /** Folders that hold nothing, as paths inside the model. */
  readonly emptyFolders: readonly string[]
  /** Sum of the files' sizes. */
  readonly totalBytes: number
  /** Number of distinct blocks. */
  readonly blockCount: number
  readonly slotCount: number
  /** Sum of the distinct blocks' sizes: what a full pull has to move. */
  readonly distinctBytes: number
  readonly maxBlockBytes: number
  readonly #digests: Uint8Array
  readonly #sizes: Uint32Array
  readonly #offsets: Float64Array
  readonly #repeatSlots: Uint32Array
  readonly #repeatBlocks: Uint32Array
  #slotsOfRepeated: Map<number, number[]> | undefined

  /** @internal use ManifestBuilder */
  constructor (root: CID, columns: ManifestColumns) {
    this.root = root
    this.files = columns.files
    this.emptyFolders = columns.emptyFolders
    this.#digests = columns.digests
    this.#sizes = columns.sizes
    this.#offsets = columns.offsets
    this.#repeatSlots = columns.repeatSlots
    this.#repeatBlocks = columns.repeatBlocks
    this.blockCount = columns.sizes.length
    this.slotCount = columns.offsets.length
    this.totalBytes = columns.files.reduce((sum, file) => sum + file.sizeBytes, 0)
    let distinctBytes = 0
    let maxBlockBytes = 0
    for (const size of columns.sizes) {
      distinctBytes += size
      if (size > maxBlockBytes) maxBlockBytes = size
    }
    this.distinctBytes = distinctBytes
    this.maxBlockBytes = maxBlockBytes
  }

  /** The 32-byte digest of a block: a view, never to be written to. */
  digest (block: number): Uint8Array {
    this.#check(block)
    return this.#digests.subarray(block * DIGEST_BYTES, (block + 1) * DIGEST_BYTES)
  }

  /** How many bytes of a file a block is. */
  sizeBytes (block: number): number {
    this.#check(block)
    return this.#sizes[block] ?? 0
  }

  /** The leaf kind of a block: that of the file it first appears in. */
  leaf (block: number): LeafKind {
    return this.#fileOfSlot(this.#firstSlot(block)).leaf
  }

  cid (block: number): CID {
    return cidOfDigest(this.digest(block), this.leaf(block) === 'raw' ? RAW_CODEC : DAG_PB_CODEC)
  }

  /** The block that a slot shows. */
  blockOfSlot (slot: number): number {
    const at = lowerBound(this.#repeatSlots, slot)
    if (this.#repeatSlots[at] === slot) return this.#repeatBlocks[at] ?? 0
    return slot - at
  }

  /** Offset of a slot in its file. */
  offsetOfSlot (slot: number): number {
    const offset = this.#offsets[slot]
    if (offset === undefined) throw new RangeError(`Slot ${slot} of ${this.slotCount}`)
    return offset
  }

  /** The blocks of one of its files in order, for an index: digests of 32 bytes one after another, and sizes. */
  blocksOf (file: ManifestFile): { digests: Uint8Array, sizes: number[] } {
    const digests = new Uint8Array(file.slotCount * DIGEST_BYTES)
    const sizes: number[] = []
    for (let i = 0; i < file.slotCount; i++) {
      const block = this.blockOfSlot(file.firstSlot + i)
      digests.set(this.digest(block), i * DIGEST_BYTES)
      sizes.push(this.sizeBytes(block))
    }
    return { digests, sizes }
  }

  /** The place where a block appears first. */
  firstPlace (block: number): BlockPlace {
    return this.#place(this.#firstSlot(block))
  }

  /** Every place where a block appears, in file order; at least one. */
  * places (block: number): Generator<BlockPlace> {
    yield this.firstPlace(block)
    if (this.#repeatSlots.length === 0) return
    this.#slotsOfRepeated ??= this.#indexRepeats()
    for (const slot of this.#slotsOfRepeated.get(block) ?? []) yield this.#place(slot)
  }

  #indexRepeats (): Map<number, number[]> {
    const index = new Map<number, number[]>()
    for (let i = 0; i < this.#repeatSlots.length; i++) {
      const block = this.#repeatBlocks[i] ?? 0
      const slots = index.get(block)
      if (slots === undefined) index.set(block, [this.#repeatSlots[i] ?? 0])
      else slots.push(this.#repeatSlots[i] ?? 0)
    }
    return index
  }

  /** Slot s shows a first appearance of block s - (repeats before s): find s for this block by bisection. */
  #firstSlot (block: number): number {
    this.#check(block)
    let low = 0
    let high = this.#repeatSlots.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#repeatSlots[middle] ?? 0) - middle <= block) low = middle + 1
      else high = middle
    }
    return block + low
  }

  #place (slot: number): BlockPlace {
    return {
      file: this.#fileOfSlot(slot),
      offset: this.offsetOfSlot(slot),
      sizeBytes: this.#sizes[this.blockOfSlot(slot)] ?? 0
    }
  }

  #fileOfSlot (slot: number): ManifestFile {
    let low = 0
    let high = this.files.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.files[middle]?.firstSlot ?? Infinity) <= slot) low = middle
      else high = middle - 1
    }
    // Files without blocks share their firstSlot with the next file; step back over none, forward is impossible:
    // bisection ends at the last file that starts at or before the slot, which is the one that owns it.
    const file = this.files[low]
    if (file === undefined || slot >= file.firstSlot + file.slotCount) {
      throw new RangeError(`Slot ${slot} of ${this.slotCount}`)
    }
    return file
  }

  #check (block: number): void {
    if (!(block >= 0 && block < this.blockCount)) throw new RangeError(`Block ${block} of ${this.blockCount}`)
  }
}

/** What ManifestBuilder hands over. */
export interface ManifestColumns {
  files: ManifestFile[]
  emptyFolders: string[]
  digests: Uint8Array
  sizes: Uint32Array
  offsets: Float64Array
  repeatSlots: Uint32Array
  repeatBlocks: Uint32Array
}

/** First position in ascending `values` whose value is at least `value`. */
function lowerBound (values: Uint32Array, value: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((values[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}
