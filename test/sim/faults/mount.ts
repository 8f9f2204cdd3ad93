import { ModelswarmError } from '../../../src/errors.ts'
import { Held } from '../../../src/store/held.ts'
import { OpenTarget } from '../../../src/files/open-target.ts'
import { SafeFolders } from '../../../src/files/safe-folders.ts'
import { hex } from './model.ts'
import type { DiskWork, SimDisk, SimFile } from './disk.ts'
import type { SimModel } from './model.ts'
import type { ProcessClock } from './process-clock.ts'
import type { OpenPartFiles, TargetReaders } from '../../../src/files/target-port.ts'
import type { WantedFile } from '../../../src/files/wanted-file.ts'
import type { Manifest, ManifestFile } from '../../../src/model/manifest.ts'
import type { HeldTable } from '../../../src/store/held.ts'
import type { TreeNodes } from '../../../src/store/tree-nodes.ts'
import type { CID } from 'multiformats/cid'

/** What a break changes of how the disk is used. */
export interface DiskManners {
  /** A write is said to have returned when it has only begun. */
  readonly returnsEarly?: boolean
  /** A sync says that it is done, and has done nothing. */
  readonly syncsNothing?: boolean
}

/**
 * A machine's disk as one process uses it: the ports below the library's own target, record of what is held and tree
 * nodes. Nothing settles any more once the process was killed, for its clock stands still.
 */
export class Mount {
  readonly held: Held
  readonly nodes: Pick<TreeNodes, 'hasNode' | 'getNode' | 'putNodes'>
  readonly #disk: SimDisk
  readonly #clock: ProcessClock
  readonly #model: SimModel
  readonly #manners: DiskManners

  constructor (disk: SimDisk, clock: ProcessClock, model: SimModel, manners: DiskManners) {
    this.#disk = disk
    this.#clock = clock
    this.#model = model
    this.#manners = manners
    this.held = new Held({
      table: name => this.#table(name),
      together: async write => {
        write()
        await this.#commit()
      },
      flushed: async () => {
        await this.#work('sync')
        disk.flush()
      }
    }, { bootId: `boot ${disk.boots}`, now: () => Math.round(clock.now()) })
    this.nodes = {
      hasNode: cid => this.#rows('nodes').has(cid.toString()),
      getNode: cid => this.#rows('nodes').get(cid.toString()),
      putNodes: async nodes => {
        for await (const { cid, bytes } of nodes) this.#queue.push({ table: 'nodes', key: cid.toString(), value: bytes })
        await this.#commit()
      }
    }
  }

  /** A tree node that a peer asked for. */
  nodeOf (cid: CID): Uint8Array | undefined {
    return this.nodes.getNode(cid)?.slice()
  }

  /** The library's own target, on this disk. */
  openTarget (manifest: Manifest, isWanted: (file: ManifestFile) => boolean): OpenTarget {
    return new OpenTarget({
      dir: '/target',
      manifest,
      wanted: manifest.files.filter(isWanted).map(file => this.#look(file)),
      emptyFolders: [],
      folders: new SafeFolders('/target'),
      force: false,
      partFiles: this.#partFiles(),
      readers: this.#readers(),
      unlock: async () => {}
    })
  }

  /** Reads a block of a model that lies complete on this disk. */
  async readShared (block: number): Promise<Uint8Array> {
    await this.#work('read')
    return this.#model.make(block, true)
  }

  /** What lies at a place now, for checks. */
  at (path: string, offset: number): Uint8Array | undefined {
    return this.#disk.files.get(path)?.memory.get(offset)
  }

  async #work (work: DiskWork): Promise<void> {
    await this.#clock.sleep(this.#disk.durationOf(work))
    this.#disk.check(work, this.#clock.now())
  }

  // --- the state database ---

  readonly #queue: Array<{ table: string, key: string, value: Uint8Array | undefined }> = []

  async #commit (): Promise<void> {
    const commit = this.#queue.splice(0)
    await this.#work('state')
    this.#disk.commit(commit)
  }

  #rows (table: string): ReadonlyMap<string, Uint8Array> {
    return this.#disk.tables.get(table) ?? new Map<string, Uint8Array>()
  }

  #table (name: string): HeldTable {
    return {
      get: key => this.#rows(name).get(hex(key)),
      getRange: () => { throw new Error('The simulated database lists nothing') },
      put: (key, value) => { this.#queue.push({ table: name, key: hex(key), value: value.slice() }) },
      remove: key => { this.#queue.push({ table: name, key: hex(key), value: undefined }) }
    }
  }

  // --- files ---

  #look (file: ManifestFile): WantedFile {
    const found = this.#disk.files.get(file.path)
    return {
      file,
      absolute: `/target/${file.path}`,
      partAbsolute: `/target/${file.path}.part`,
      state: found === undefined ? 'absent' : found.isFinal ? 'differs' : 'part',
      final: found?.isFinal === true ? { identity: found.identity, shared: false } : undefined,
      part: found?.isFinal === false ? found.identity : undefined,
      slotsMissing: file.slotCount,
      writes: found?.isFinal === false ? 1 : 0,
      writesSynced: 0,
      stale: false,
      partInode: undefined
    }
  }

  #open (wanted: WantedFile): SimFile {
    const file = this.#disk.files.get(wanted.file.path) ?? this.#disk.create(wanted.file.path, wanted.file.sizeBytes)
    file.isShort = false
    if (wanted.state === 'absent') {
      wanted.state = 'part'
      wanted.stale = true
    }
    return file
  }

  async #read (file: SimFile | undefined, offset: number, length: number): Promise<Uint8Array> {
    await this.#work('read')
    const bytes = file?.memory.get(offset)
    if (bytes === undefined || bytes.byteLength !== length) return new Uint8Array(length)
    return this.#model.copy(bytes)
  }

  #partFiles (): OpenPartFiles {
    const disk = this.#disk
    return {
      write: async (wanted, offset, bytes) => {
        const file = this.#open(wanted)
        const write = { file, offset, bytes }
        disk.writing.add(write)
        const done = this.#finishWrite(write)
        if (this.#manners.returnsEarly !== true) await done.finally(() => { wanted.writes++ })
        else done.catch(() => {})
        wanted.stale = true
        return bytes
      },
      read: async (wanted, offset, length) => await this.#read(this.#open(wanted), offset, length),
      sync: async wanted => {
        const file = this.#open(wanted)
        const { writes } = wanted
        const { mtimeMs } = file
        const written = [...file.memory]
        await this.#work('sync')
        wanted.writesSynced = Math.max(wanted.writesSynced, writes)
        if (this.#manners.syncsNothing === true) return
        for (const [offset, bytes] of written) file.platter.set(offset, bytes)
        file.isOnPlatter = true
        file.syncedMtimeMs = mtimeMs
      },
      identity: async wanted => {
        await this.#clock.sleep(0)
        return this.#open(wanted).identity
      },
      putInPlace: async wanted => {
        const file = this.#open(wanted)
        await this.#clock.sleep(disk.durationOf('write'))
        file.isFinal = true
        file.ctimeMs = this.#clock.now()
        return { identity: file.identity, shared: false }
      },
      drop: () => {},
      close: async () => {}
    }
  }

  async #finishWrite (write: { file: SimFile, offset: number, bytes: Uint8Array }): Promise<void> {
    const { file, offset, bytes } = write
    try {
      await this.#work('write')
      file.memory.set(offset, bytes)
    } catch (err) {
      this.#disk.spoil(file, offset)
      throw err
    } finally {
      this.#disk.writing.delete(write)
      file.mtimeMs = this.#clock.now()
      file.ctimeMs = file.mtimeMs
    }
  }

  #readers (): TargetReaders {
    return {
      read: async (path, offset, length, expected) => {
        const file = this.#disk.files.get(path.slice('/target/'.length))
        if (file?.isFinal !== true || file.identity.inode !== expected.inode) {
          throw new ModelswarmError('ERR_FILE_CHANGED', 'Cannot read a file that is gone: simulated')
        }
        return await this.#read(file, offset, length)
      },
      close: async () => {}
    }
  }
}
