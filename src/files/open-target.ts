import { rm } from 'node:fs/promises'
import { Bitfield } from '../model/bitfield.ts'
import { onDisk } from './disk-error.ts'
import { Finisher } from './finisher.ts'
import { findExisting, makeEmptyFolders, readFinal } from './prepare-target.ts'
import type { PlaceWriter } from './block-writer.ts'
import type { HeldFile } from './held-record.ts'
import type { SafeFolders } from './safe-folders.ts'
import type { FinishedFile, OpenPartFiles, Target, TargetReaders, VerifyExistingOptions } from './target-port.ts'
import type { WantedFile } from './wanted-file.ts'
import type { BlockPlace, Manifest, ManifestFile } from '../model/manifest.ts'

export type { FinishedFile, Target, VerifyExistingOptions } from './target-port.ts'

export interface TargetParts {
  readonly dir: string
  readonly manifest: Manifest
  readonly wanted: readonly WantedFile[]
  readonly emptyFolders: readonly string[]
  readonly folders: SafeFolders
  readonly force: boolean
  readonly partFiles: OpenPartFiles
  readonly readers: TargetReaders
  readonly unlock: () => Promise<void>
}

/** The one implementation of Target; made by openTarget. */
export class OpenTarget implements Target {
  readonly dir: string
  readonly wanted: Bitfield
  readonly held: Bitfield
  readonly totalBytes: number
  readonly #parts: TargetParts
  readonly #byFile: Map<ManifestFile, WantedFile>
  readonly #finisher: Finisher
  readonly #writing = new Map<number, Promise<boolean>>()
  #heldBytes = 0
  #closed: Promise<void> | undefined

  constructor (parts: TargetParts) {
    const { manifest, wanted } = parts
    this.dir = parts.dir
    this.#parts = parts
    this.#byFile = new Map(wanted.map(one => [one.file, one]))
    this.wanted = new Bitfield(manifest.blockCount)
    this.held = new Bitfield(manifest.blockCount)
    this.totalBytes = wanted.reduce((sum, { file }) => sum + file.sizeBytes, 0)
    for (const slot of this.#slots()) this.wanted.add(manifest.blockOfSlot(slot))
    this.#finisher = new Finisher(parts.partFiles)
  }

  get heldBytes (): number {
    return this.#heldBytes
  }

  fileBytes (block: number): number {
    let bytes = 0
    for (const { place } of this.#places(block)) bytes += place.sizeBytes
    return bytes
  }

  /**
   * Finds the blocks that are here already: by the record where it can be believed, else by reading and checking. Then
   * makes the empty files and folders and finishes files that lack nothing. Call it once, before write and read.
   *
   * @returns `held`
   * @throws ModelswarmError ERR_TARGET_DIFFERS naming files with other bytes, before anything is written, unless forced
   */
  async verifyExisting (options: VerifyExistingOptions): Promise<Bitfield> {
    const { manifest, wanted } = this.#parts
    const { onProgress, signal, record } = options
    const total = this.totalBytes
    const good = await findExisting({
      ...this.#parts,
      check: options.check,
      record: record?.held.length === manifest.blockCount ? record : undefined,
      onBytes: (bytes, goodBytes) => { onProgress?.({ bytes: Math.min(bytes, total), goodBytes, total }) },
      signal
    })
    for (const block of this.wanted.indexes()) this.held.add(block)
    for (const slot of this.#slots()) if (!good.has(slot)) this.held.delete(manifest.blockOfSlot(slot))
    for (const one of wanted) {
      one.slotsMissing = 0
      for (const slot of slotsOf(one.file)) if (!this.held.has(manifest.blockOfSlot(slot))) one.slotsMissing++
    }
    for (const block of this.held.indexes()) this.#heldBytes += this.fileBytes(block)
    await makeEmptyFolders(this.#parts.emptyFolders, this.dir, this.#parts.folders)
    for (const one of wanted) {
      if (one.slotsMissing === 0 && one.state !== 'complete') this.#finisher.add(one)
      // The file is complete under its own name: what an earlier pull left beside it is of no use.
      if (one.state === 'complete' && one.part !== undefined) {
        await onDisk('remove', one.partAbsolute, async () => { await rm(one.partAbsolute, { force: true }) })
      }
    }
    return this.held
  }

  /**
   * Writes a verified block at every place it has in the wanted files; held when it resolves. Keeps nothing of `bytes`.
   * At the first place `writer` writes it, where there is one: it may verify it as well, and refuse.
   *
   * @returns false when the block was held already: then `writer` was not asked
   * @throws ModelswarmError ERR_NO_SPACE, ERR_DISK, ... and what `writer` throws: then the block is not held, and all
   *   else stays as it was
   */
  async write (block: number, bytes: Uint8Array, writer?: PlaceWriter): Promise<boolean> {
    if (bytes.byteLength !== this.#parts.manifest.sizeBytes(block)) {
      throw new RangeError(`Block ${block} has ${this.#parts.manifest.sizeBytes(block)} bytes, got ${bytes.byteLength}`)
    }
    this.#finisher.check()
    // Several copies of one block arrived at once: one after the other, for each may complete and rename the file.
    for (let other = this.#writing.get(block); other !== undefined; other = this.#writing.get(block)) {
      await other.catch(() => {})
    }
    if (this.held.has(block)) return false
    const writing = this.#writePlaces(block, bytes, writer)
    this.#writing.set(block, writing)
    try {
      return await writing
    } finally {
      if (this.#writing.get(block) === writing) this.#writing.delete(block)
    }
  }

  async #writePlaces (block: number, bytes: Uint8Array, writer?: PlaceWriter): Promise<boolean> {
    const places = [...this.#places(block)]
    let left = bytes
    for (const [i, { wanted, place }] of places.entries()) {
      left = await this.#parts.partFiles.write(wanted, place.offset, left, i === 0 ? writer : undefined)
    }
    if (places.length === 0 || !this.held.add(block)) return false
    for (const { wanted, place } of places) {
      this.#heldBytes += place.sizeBytes
      if (--wanted.slotsMissing === 0) this.#finisher.add(wanted)
    }
    return true
  }

  /**
   * The bytes of a held block, read back; a fresh buffer, handed over.
   *
   * @throws RangeError when the block is not held; ModelswarmError ERR_FILE_CHANGED when somebody else changed the file
   */
  async read (block: number): Promise<Uint8Array> {
    if (!this.held.has(block)) throw new RangeError(`Block ${block} is not held in ${this.dir}`)
    const [at] = this.#places(block)
    if (at === undefined) throw new RangeError(`Block ${block} is in no wanted file`)
    const { wanted, place: { offset, sizeBytes: length } } = at
    return await this.#finisher.reading(wanted, async () => {
      if (wanted.state === 'complete') return await readFinal(this.#parts.readers, wanted, { offset, length })
      return await this.#parts.partFiles.read(wanted, offset, length)
    })
  }

  /** A block turned out to be others' bytes: it is not held, so that the next pull fetches it again. */
  lose (block: number): void {
    if (!this.held.delete(block)) return
    for (const { wanted, place } of this.#places(block)) {
      this.#heldBytes -= place.sizeBytes
      wanted.slotsMissing++
    }
  }

  /** Puts everything written on the disk; resolves to the blocks that were held when it was called: a checkpoint. */
  async sync (): Promise<Bitfield> {
    this.#finisher.check()
    const held = Bitfield.fromBytes(this.held.toBytes(), this.held.length)
    for (const one of this.#parts.wanted) {
      if (!needsSync(one)) continue
      // Waiting for its turn it may have been synced and renamed.
      await this.#finisher.reading(one, async () => { if (needsSync(one)) await this.#parts.partFiles.sync(one) })
    }
    return held
  }

  /** The wanted files begun so far as they are now, for the record of what is held. Take `held` before, not after. */
  async files (): Promise<HeldFile[]> {
    const files: HeldFile[] = []
    for (const one of this.#parts.wanted) {
      if (one.state === 'absent') continue
      if (one.stale && one.state === 'part') {
        one.stale = false
        await this.#finisher.reading(one, async () => {
          if (one.state === 'part') one.part = await this.#parts.partFiles.identity(one)
        })
      }
      const identity = one.state === 'complete' ? one.final?.identity : one.part
      if (identity !== undefined) files.push({ path: one.file.path, complete: one.state === 'complete', identity })
    }
    return files
  }

  /**
   * Waits until every file that lacks nothing has its final name.
   *
   * @returns all files that do, for the index
   * @throws ModelswarmError what syncing or renaming one of them threw
   */
  async finish (): Promise<FinishedFile[]> {
    await this.#finisher.settled()
    this.#finisher.check()
    const finished: FinishedFile[] = []
    for (const { file, absolute, state, final } of this.#parts.wanted) {
      if (state === 'complete' && final !== undefined) finished.push({ file, absolute, identity: final.identity })
    }
    return finished
  }

  /**
   * Waits for files being finished, closes everything and gives the lock back. What is held stays resumable. Twice is
   * fine.
   */
  async close (): Promise<void> {
    await (this.#closed ??= this.#close())
  }

  async #close (): Promise<void> {
    await this.#finisher.settled()
    const ends = await Promise.allSettled([this.#parts.partFiles.close(), this.#parts.readers.close()])
    await this.#parts.unlock()
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  * #places (block: number): Generator<{ wanted: WantedFile, place: BlockPlace }> {
    for (const place of this.#parts.manifest.places(block)) {
      const wanted = this.#byFile.get(place.file)
      if (wanted !== undefined) yield { wanted, place }
    }
  }

  * #slots (): Generator<number> {
    for (const { file } of this.#parts.wanted) yield * slotsOf(file)
  }
}

function needsSync (wanted: WantedFile): boolean {
  return wanted.state === 'part' && wanted.writes !== wanted.writesSynced
}

function * slotsOf (file: ManifestFile): Generator<number> {
  for (let slot = file.firstSlot; slot < file.firstSlot + file.slotCount; slot++) yield slot
}
