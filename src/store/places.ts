import { sameIdentity } from '../files/file-identity.ts'
import { INDEX_AHEAD_BLOCKS, PLACES_PER_BLOCK } from '../machine-defaults.ts'
import { sameBytes } from '../model/block-id.ts'
import { BLOCKS_PER_PAGE, blocksOfPage, PageWriter } from './block-pages.ts'
import { decodeFileRecord, encodeFileRecord } from './file-record.ts'
import { uint32 } from './keys.ts'
import { indexKey, keyAfter, pageKey, pathKey, PREFIX_BYTES, toNumber } from './place-keys.ts'
import type { IndexedBlock } from './block-pages.ts'
import type { StateDatabase, Table } from './database.ts'
import type { FileRecord } from './file-record.ts'
import type { FileIdentity } from '../files/file-identity.ts'
import type { LeafKind } from '../model/manifest.ts'

//   files   file id (4)                           > FileRecord        what is indexed
//   paths   sha256(path) (16), file id (4)        > -                 which ids a path has
//   blocks  file id (4), page (4)                 > page of blocks    the file's blocks in order
//   index   start of digest (12), file id (4)     > rank (4)          which files show a block, and where
//   files   -                                     > next file id (4)
//
// A file's blocks count only once its record says complete, so a crash while they are added leaves nothing believed.

const NEXT_ID = new Uint8Array(1)

/** Where a block lies on this machine, if the file there is still the one indexed. */
export interface Place {
  readonly fileId: number
  readonly path: string
  readonly identity: FileIdentity
  readonly leaf: LeafKind
  readonly offset: number
  readonly sizeBytes: number
}

export interface NewFile {
  /** Absolute. */
  readonly path: string
  readonly identity: FileIdentity
  /** Default: raw. */
  readonly leaf?: LeafKind
}

export interface IndexedFile extends FileRecord {
  readonly fileId: number
}

interface Adding {
  readonly file: NewFile
  readonly pages: PageWriter
  failure?: unknown
}

/** Which files on this machine hold which blocks. */
export class Places {
  readonly #database: StateDatabase
  readonly #files: Table
  readonly #paths: Table
  readonly #blocks: Table
  readonly #index: Table
  readonly #adding = new Map<number, Adding>()
  #pending = 0

  constructor (database: StateDatabase) {
    this.#database = database
    this.#files = database.table('files')
    this.#paths = database.table('paths')
    this.#blocks = database.table('blocks')
    this.#index = database.table('index')
  }

  /** Begins to index a file; its id. Nothing of it is found before completeFile. */
  async addFile (file: NewFile): Promise<number> {
    const fileId = await this.#database.exclusively(() => {
      const next = toNumber(this.#files.get(NEXT_ID)) ?? 0
      this.#files.put(NEXT_ID, uint32(next + 1))
      const record = { ...file, leaf: file.leaf ?? 'raw', complete: false, blockCount: 0 }
      this.#files.put(uint32(next), encodeFileRecord(record))
      this.#paths.put(pathKey(file.path, next), new Uint8Array(0))
      return next
    })
    this.#adding.set(fileId, { file, pages: new PageWriter() })
    return fileId
  }

  /**
   * Appends blocks to a file, in file order without gaps. Copies.
   *
   * @param digests 32 bytes for each of `sizes`, one after another
   */
  async addBlocks (fileId: number, digests: Uint8Array, sizes: ArrayLike<number>): Promise<void> {
    const adding = this.#file(fileId)
    const { pages } = adding
    const write = (): void => {
      for (let i = 0; i < sizes.length; i++) {
        const digest = digests.subarray(i * 32, i * 32 + 32)
        const rank = pages.count
        const page = pages.add(digest, sizes[i] ?? 0)
        this.#index.put(indexKey(digest, fileId), uint32(rank))
        if (page !== undefined) this.#blocks.put(pageKey(fileId, rank), page)
      }
    }
    this.#pending += sizes.length
    if (this.#pending < INDEX_AHEAD_BLOCKS) {
      // Goes to the disk with a later batch; a failure shows when the file is completed.
      this.#database.together(write).catch((err: unknown) => { adding.failure ??= err })
      return
    }
    this.#pending = 0
    await this.#database.together(write)
  }

  /**
   * From now on the file's blocks are found. What else was indexed under the same path is dropped: who is adding the
   * file too, in any process, finds that when it completes, and leaves it at that.
   */
  async completeFile (fileId: number): Promise<void> {
    const adding = this.#file(fileId)
    const { file, pages } = adding
    const record: FileRecord = { ...file, leaf: file.leaf ?? 'raw', complete: true, blockCount: pages.count }
    const rest = pages.rest()
    // Transactions are committed in order: when this one is, all earlier ones have told how they went.
    await this.#database.together(() => {
      if (rest !== undefined) this.#blocks.put(pageKey(fileId, record.blockCount - 1), rest)
    })
    if (adding.failure !== undefined) throw adding.failure
    const dropped = await this.#database.exclusively(() => {
      if (this.#record(fileId) === undefined) return [fileId]
      const others = this.#idsOf(file.path).filter(id => id !== fileId)
      for (const id of others) this.#removeRecord(id, file.path)
      this.#files.put(uint32(fileId), encodeFileRecord(record))
      return others
    })
    this.#adding.delete(fileId)
    for (const id of dropped) await this.#removeBlocks(id)
  }

  /** Indexes a file at once: blocks as for addBlocks. */
  async replaceFile (file: NewFile, digests: Uint8Array, sizes: ArrayLike<number>): Promise<number> {
    const fileId = await this.addFile(file)
    await this.addBlocks(fileId, digests, sizes)
    await this.completeFile(fileId)
    return fileId
  }

  /** True when no file shows any block: nothing needs to be looked for. */
  get isEmpty (): boolean {
    const [first] = this.#index.getRange({})
    return first === undefined
  }

  /** At most four places of a block. Whether the file is still the one indexed is the reader's to check. */
  find (digest: Uint8Array): Place[] {
    const places: Place[] = []
    const start = digest.subarray(0, PREFIX_BYTES)
    for (const { key, value } of this.#index.getRange({ start, end: keyAfter(start) })) {
      const fileId = Buffer.from(key).readUInt32BE(PREFIX_BYTES)
      const place = this.#placeOf(digest, fileId, toNumber(value) ?? 0)
      if (place !== undefined) places.push(place)
      if (places.length === PLACES_PER_BLOCK) break
    }
    return places
  }

  /** The complete index of a file, when it was indexed with just this identity. */
  indexedFile (path: string, identity: FileIdentity): IndexedFile | undefined {
    return this.filesAt(path).find(file => file.complete && sameIdentity(file.identity, identity))
  }

  /** Everything indexed, or begun, under a path. */
  filesAt (path: string): IndexedFile[] {
    return this.#idsOf(path).flatMap(fileId => {
      const record = this.#record(fileId)
      return record === undefined ? [] : [{ ...record, fileId }]
    })
  }

  /** The blocks of a file in order. Digests are views of a page that is not used again. */
  * blocksOf (fileId: number): Generator<IndexedBlock> {
    for (let page = 0; ; page++) {
      const bytes = this.#blocks.get(pageKey(fileId, page * BLOCKS_PER_PAGE))
      if (bytes === undefined) return
      yield * blocksOfPage(bytes)
    }
  }

  /** Forgets all that is indexed under a path. */
  async dropPath (path: string): Promise<void> {
    for (const fileId of this.#idsOf(path)) await this.dropFile(fileId)
  }

  /** Forgets a file and its places. Fine when it is not there. */
  async dropFile (fileId: number): Promise<void> {
    const path = this.#record(fileId)?.path
    if (path === undefined) return
    await this.#database.together(() => { this.#removeRecord(fileId, path) })
    await this.#removeBlocks(fileId)
  }

  /** Inside a transaction. */
  #removeRecord (fileId: number, path: string): void {
    this.#files.remove(uint32(fileId))
    this.#paths.remove(pathKey(path, fileId))
  }

  /** Pages may be missing between others, where two remove them or one of them still adds. */
  async #removeBlocks (fileId: number): Promise<void> {
    const range = { start: uint32(fileId), end: keyAfter(uint32(fileId)) }
    const keys = Array.from(this.#blocks.getRange(range), ({ key }) => Uint8Array.from(key))
    for (const [i, key] of keys.entries()) {
      const bytes = this.#blocks.get(key) ?? new Uint8Array(0)
      const written = this.#database.together(() => {
        for (const { digest } of blocksOfPage(bytes)) this.#index.remove(indexKey(digest, fileId))
        this.#blocks.remove(key)
      })
      if (i % 512 === 511) await written
      else written.catch(() => {})
    }
    await this.#database.together(() => {})
  }

  #placeOf (digest: Uint8Array, fileId: number, rank: number): Place | undefined {
    const record = this.#record(fileId)
    const page = record?.complete === true ? this.#blocks.get(pageKey(fileId, rank)) : undefined
    if (record === undefined || page === undefined) return undefined
    let at = rank % BLOCKS_PER_PAGE
    for (const block of blocksOfPage(page)) {
      if (at-- > 0) continue
      if (!sameBytes(block.digest, digest)) return undefined
      const { path, identity, leaf } = record
      return { fileId, path, identity, leaf, offset: block.offset, sizeBytes: block.sizeBytes }
    }
    return undefined
  }

  #record (fileId: number): FileRecord | undefined {
    const bytes = this.#files.get(uint32(fileId))
    return bytes === undefined ? undefined : decodeFileRecord(bytes)
  }

  #idsOf (path: string): number[] {
    const start = pathKey(path)
    const range = this.#paths.getRange({ start, end: keyAfter(start) })
    return Array.from(range, ({ key }) => Buffer.from(key).readUInt32BE(start.byteLength))
  }

  #file (fileId: number): Adding {
    const file = this.#adding.get(fileId)
    if (file === undefined) throw new RangeError(`File ${fileId} is not being added`)
    return file
  }
}
