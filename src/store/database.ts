import { ModelswarmError } from '../errors.ts'
import { onCommitFailed } from './commits.ts'
import { databaseError, readError } from './state-error.ts'
import type { CommitRoom, WriteSize } from './room.ts'
import type { Database, RootDatabase } from 'lmdb'

/**
 * Bytes to bytes, sorted by key. Reads see what is committed. `put` and `remove` only queue a write, inside `together`
 * or `exclusively`, whose promise tells how it went; keys and values are kept until then.
 */
export interface Table extends Pick<Database<Uint8Array, Uint8Array>, 'get' | 'doesExist'> {
  getRange: (range: { start?: Uint8Array, end?: Uint8Array }) => Iterable<{ key: Uint8Array, value: Uint8Array }>
  put: (key: Uint8Array, value: Uint8Array) => void
  remove: (key: Uint8Array) => void
}

/** How a transaction is committed: it can be aborted, and does not wait for the disk. */
const VISIBLE = 1

/** Reads and writes that wait for their transaction. */
interface Turn {
  /** Throws, or returns what tells its caller, once it is committed. */
  readonly run: () => () => void
  readonly reject: (err: unknown) => void
}

interface Gathered extends WriteSize {
  readonly writes: Array<() => void>
}

/** The LMDB environment of a state folder, with what every table of it shares. */
export class StateDatabase {
  readonly #root: RootDatabase<Uint8Array, Uint8Array>
  readonly #dir: string
  readonly #room: CommitRoom
  /** The writes of a `together` that is being called; in a transaction they go to LMDB at once. */
  #gathering: Gathered | undefined
  #turns: Turn[] = []
  #failedCommits = 0
  #failure: number | undefined
  #closed: Promise<void> | undefined
  #last: Promise<boolean> | undefined

  constructor (root: RootDatabase<Uint8Array, Uint8Array>, dir: string, room: CommitRoom) {
    this.#root = root
    this.#dir = dir
    this.#room = room
    onCommitFailed(root, status => {
      this.#failedCommits++
      this.#failure = status
    })
  }

  table (name: string): Table {
    const table = this.#reading(() => this.#root.openDB({ name, encoding: 'binary', keyEncoding: 'binary' }))
    return {
      get: key => this.#reading(() => table.get(key)),
      getRange: range => this.#iterating(() => table.getRange(range)),
      doesExist: key => this.#reading(() => table.doesExist(key)),
      put: (key, value) => {
        this.#write(() => table.put(key, value), { puts: 1, removes: 0, bytes: key.byteLength + value.byteLength })
      },
      remove: key => { this.#write(() => table.remove(key), { puts: 0, removes: 1, bytes: 0 }) }
    }
  }

  #reading<T> (act: () => T): T {
    this.#throwIfClosed()
    try {
      return act()
    } catch (err) {
      throw readError(err, this.#dir)
    }
  }

  * #iterating<T> (range: () => Iterable<T>): Generator<T> {
    this.#throwIfClosed()
    try {
      yield * range()
    } catch (err) {
      throw readError(err, this.#dir)
    }
  }

  #write (write: () => Promise<boolean>, size: WriteSize): void {
    const gathering = this.#gathering
    if (gathering === undefined) {
      this.#queued(write())
      return
    }
    gathering.writes.push(() => { this.#queued(write()) })
    gathering.puts += size.puts
    gathering.removes += size.removes
    gathering.bytes += size.bytes
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
    await this.run(async () => {
      const gathered = this.#gather(write)
      const giveBack = this.#room.take(gathered)
      try {
        await this.#root.batch(() => { for (const write of gathered.writes) write() })
      } finally {
        giveBack()
      }
    })
  }

  #gather (write: () => void): Gathered {
    const gathered: Gathered = { writes: [], puts: 0, removes: 0, bytes: 0 }
    this.#gathering = gathered
    try {
      write()
    } finally {
      this.#gathering = undefined
    }
    return gathered
  }

  /** Reads and writes as one transaction, with no other writer of any process in between. */
  async exclusively<T> (act: () => T): Promise<T> {
    return await this.run(async () => {
      this.#room.take({ puts: 1, removes: 0, bytes: 0 })()
      return await new Promise<T>((resolve, reject) => {
        this.#turns.push({
          run: () => {
            const result = act()
            return () => { resolve(result) }
          },
          reject
        })
        if (this.#turns.length === 1) setImmediate(() => { this.#takeTurns() })
      })
    })
  }

  /**
   * What asked for a transaction in one turn of the event loop shares one, as commits are what takes time. They run on
   * this thread: with lmdb-js's asynchronous ones its writing thread waits for us to call back, and a process that is
   * told to exit meanwhile never ends, or crashes.
   */
  #takeTurns (): void {
    const turns = this.#turns.splice(0)
    if (turns.length === 0) return
    try {
      for (const done of this.#root.transactionSync(() => turns.map(({ run }) => run()), VISIBLE)) done()
    } catch (err) {
      const [first, ...others] = turns
      if (others.length === 0) return first?.reject(err)
      // Nothing of it was written: whose fault it was is found one by one.
      for (const turn of turns) {
        this.#turns.push(turn)
        this.#takeTurns()
      }
    }
  }

  /** Resolves when everything written so far has reached the disk. */
  async flushed (): Promise<void> {
    await this.run(async () => {
      const failed = this.#failedCommits
      await this.#root.flushed
      if (failed !== this.#failedCommits) throw Object.assign(new Error('A commit failed'), { code: this.#failure })
    })
  }

  /** Runs an operation; what LMDB throws becomes an error of ours. */
  async run<T> (act: () => Promise<T>): Promise<T> {
    this.#throwIfClosed()
    try {
      return await act()
    } catch (err) {
      throw await databaseError(err, this.#dir)
    }
  }

  #throwIfClosed (): void {
    if (this.#closed !== undefined) throw new ModelswarmError('ERR_STOPPED', `Cannot use ${this.#dir}: it was closed already`)
  }

  /** Waits for writes under way and closes. Twice is fine. */
  async close (): Promise<void> {
    await (this.#closed ??= this.#close())
  }

  async #close (): Promise<void> {
    try {
      this.#takeTurns()
      await this.#root.flushed
      await this.#root.close()
    } catch (err) {
      throw await databaseError(err, this.#dir)
    }
  }
}
