import { readFile, stat, writeFile, open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'lmdb'
import { ModelswarmError } from '../errors.ts'
import { onDisk, unlessAbsent } from '../files/disk-error.ts'
import { checkSpace } from '../files/disk-space.ts'
import { makeFolders } from '../files/make-folders.ts'
import { DATABASE_ROOM_BYTES } from '../machine-defaults.ts'
import { checkDatabaseFile } from './database-file.ts'
import { databaseError, readError } from './state-error.ts'
import type { Database, RootDatabase } from 'lmdb'

/** Format of everything below the state folder. A higher number is another program's: refused and left alone. */
export const STATE_VERSION = 1

/**
 * Bytes to bytes, sorted by key. Reads see what is committed. `put` and `remove` only queue a write, inside `together`
 * or `exclusively`, whose promise tells how it went; keys are copied, values kept until then.
 */
export interface Table extends Pick<Database<Uint8Array, Uint8Array>, 'get' | 'doesExist'> {
  getRange: (range: { start?: Uint8Array, end?: Uint8Array }) => Iterable<{ key: Uint8Array, value: Uint8Array }>
  put: (key: Uint8Array, value: Uint8Array) => void
  remove: (key: Uint8Array) => void
}

/** The LMDB environment of a state folder, with what every table of it shares. */
export class StateDatabase {
  readonly #root: RootDatabase<Uint8Array, Uint8Array>
  readonly #dir: string
  #closed: Promise<void> | undefined
  #last: Promise<boolean> | undefined

  constructor (root: RootDatabase<Uint8Array, Uint8Array>, dir: string) {
    this.#root = root
    this.#dir = dir
  }

  table (name: string): Table {
    const table = this.#reading(() => this.#root.openDB({ name, encoding: 'binary', keyEncoding: 'binary' }))
    return {
      get: key => this.#reading(() => table.get(key)),
      getRange: range => this.#iterating(table.getRange(range)),
      doesExist: key => this.#reading(() => table.doesExist(key)),
      put: (key, value) => { this.#queued(table.put(key, value)) },
      remove: key => { this.#queued(table.remove(key)) }
    }
  }

  #reading<T> (act: () => T): T {
    try {
      return act()
    } catch (err) {
      throw readError(err, this.#dir)
    }
  }

  * #iterating<T> (range: Iterable<T>): Generator<T> {
    try {
      yield * range
    } catch (err) {
      throw readError(err, this.#dir)
    }
  }

  /**
   * Writes of one transaction share their promise; that of `together` tells the same, so this one only must not be
   * lost.
   */
  #queued (written: Promise<boolean>): void {
    if (written === this.#last) return
    this.#last = written
    written.catch(() => {})
  }

  /** Runs writes as one transaction: all or none of them, also for other processes and after a crash. */
  async together (write: () => void): Promise<void> {
    await this.run(async () => { await this.#root.batch(write) })
  }

  /** Reads and writes as one transaction, with no other writer of any process in between. */
  async exclusively<T> (act: () => T): Promise<T> {
    return await this.run(async () => await this.#root.transaction(act))
  }

  /** Resolves when everything written so far has reached the disk. */
  async flushed (): Promise<void> {
    await this.run(async () => { await this.#root.flushed })
  }

  /** Runs an operation; what LMDB throws becomes an error of ours. */
  async run<T> (act: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw new ModelswarmError('ERR_STOPPED', `Cannot use ${this.#dir}: it was closed already`)
    try {
      return await act()
    } catch (err) {
      throw await databaseError(err, this.#dir)
    }
  }

  /** Waits for writes under way and closes. Twice is fine. */
  async close (): Promise<void> {
    await (this.#closed ??= this.#close())
  }

  async #close (): Promise<void> {
    try {
      await this.#root.flushed
      await this.#root.close()
    } catch (err) {
      throw await databaseError(err, this.#dir)
    }
  }
}

/**
 * Opens the database in a state folder, which is made when it is not there; any number of processes may have it open.
 *
 * @throws ModelswarmError ERR_STATE_VERSION when a newer program wrote the folder, which is then left as it is;
 *   ERR_STATE_DAMAGED; ERR_PATH_KIND when it is no folder; ERR_PATH_PERMISSION, ERR_NO_SPACE, ERR_DISK
 */
export async function openDatabase (dir: string): Promise<StateDatabase> {
  await onDisk('use as state folder', dir, async () => {
    const found = await unlessAbsent(async () => await stat(dir))
    if (found !== undefined && !found.isDirectory()) {
      throw new ModelswarmError('ERR_PATH_KIND', `Cannot use ${dir} as state folder: it is no folder; name a folder`, { path: dir })
    }
  })
  await makeFolders(dir, { mode: 0o700 })
  await checkVersion(dir)
  const path = join(dir, 'db')
  await makeFolders(path, { mode: 0o700 })
  await checkDatabaseFile(join(path, 'data.mdb'))
  await checkWritable(path)
  await checkLockSpace(path)
  try {
    const root = open<Uint8Array, Uint8Array>({
      path,
      encoding: 'binary',
      keyEncoding: 'binary',
      maxDbs: 16,
      noSubdir: false,
      // With it lmdb-js 3.5 makes a promise for each turn that nobody awaits: a full disk would end the process.
      eventTurnBatching: false,
      // One slot per process and thread that reads; the default of 126 is few for a machine full of short commands.
      maxReaders: 1024
    })
    return new StateDatabase(root, dir)
  } catch (err) {
    throw await databaseError(err, dir)
  }
}

async function checkVersion (dir: string): Promise<void> {
  const path = join(dir, 'version')
  const text = await onDisk('read', path, async () => await unlessAbsent(async () => await readFile(path, 'utf8')))
  if (text === undefined) {
    await onDisk('write', path, async () => { await writeFile(path, `${STATE_VERSION}\n`, { mode: 0o600 }) })
    return
  }
  // Empty: another process is writing it at this moment, or was killed there; this is the only version it can mean.
  const version = text.trim() === '' ? STATE_VERSION : Number(text)
  if (version === STATE_VERSION) return
  if (Number.isSafeInteger(version) && version > STATE_VERSION) {
    throw new ModelswarmError('ERR_STATE_VERSION',
      `Cannot use state folder ${dir}: it has version ${version}, this program knows ${STATE_VERSION}; update modelswarm or use another folder`,
      { path: dir, expected: STATE_VERSION, received: version })
  }
  throw new ModelswarmError('ERR_STATE_DAMAGED',
    `Cannot read the state in ${dir}: its version file says ${JSON.stringify(text.slice(0, 20))}; move the folder away`,
    { path: dir })
}

/**
 * LMDB maps its lock file into memory sparse: on a full disk its first page cannot be allocated, and the process ends
 * with SIGBUS. So a lock file that has no page yet needs some room; with one, a full disk can still be read.
 */
async function checkLockSpace (path: string): Promise<void> {
  const file = join(path, 'lock.mdb')
  const found = await onDisk('look at', file, async () => await unlessAbsent(async () => await stat(file)))
  if (found === undefined || found.blocks === 0) await checkSpace(path, DATABASE_ROOM_BYTES)
}

/** LMDB reports a missing right on its files with little to go by; opening them ourselves names the file. */
async function checkWritable (path: string): Promise<void> {
  for (const name of ['data.mdb', 'lock.mdb']) {
    const file = join(path, name)
    await onDisk('write', file, async () => {
      const handle = await unlessAbsent(async () => await openFile(file, 'r+'))
      await handle?.close()
    })
  }
}
