import { ModelswarmError } from '../errors.ts'
import type { FileHandle } from 'node:fs/promises'

interface Entry {
  readonly handle: Promise<FileHandle>
  users: number
  /** Out of the map: closed as soon as nobody uses it. */
  dropped: boolean
}

/**
 * Open file handles by key, at most so many: the one unused for longest is closed first, one in use never. Who needs
 * one more while all are in use waits. A handle stays valid when its file is renamed.
 */
export class HandleCache {
  readonly #maxOpen: number
  readonly #entries = new Map<string, Entry>()
  readonly #closing = new Set<Promise<void>>()
  /** Who waits for room, in order. */
  readonly #waiting: Array<() => void> = []
  #closed = false
  #failure: unknown

  constructor (maxOpen: number) {
    this.#maxOpen = maxOpen
  }

  get openCount (): number {
    return this.#entries.size
  }

  /**
   * Runs `act` with the handle of this key, opened with `open` when it is not open yet.
   *
   * @throws ModelswarmError ERR_STOPPED after close; whatever `open` and `act` throw
   */
  async use<T> (key: string, open: () => Promise<FileHandle>, act: (handle: FileHandle) => Promise<T>): Promise<T> {
    while (!this.#hasRoom(key)) await new Promise<void>(resolve => { this.#waiting.push(resolve) })
    if (this.#closed) throw new ModelswarmError('ERR_STOPPED', 'Cannot use a file: it was closed already')
    const entry = this.#entries.get(key) ?? { handle: open(), users: 0, dropped: false }
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    entry.users++
    try {
      let handle
      try {
        handle = await entry.handle
      } catch (err) {
        if (this.#entries.get(key) === entry) this.#entries.delete(key)
        throw err
      }
      return await act(handle)
    } finally {
      entry.users--
      if (entry.dropped && entry.users === 0) this.#close(entry)
      this.#waiting.shift()?.()
    }
  }

  /** Closes the handle of this key once nobody uses it. */
  drop (key: string): void {
    this.#drop(key)
    this.#waiting.shift()?.()
  }

  /**
   * Closes every handle, those in use when they are let go. Twice is fine. Throws what the first failing close threw.
   */
  async close (): Promise<void> {
    this.#closed = true
    for (const goOn of this.#waiting.splice(0)) goOn()
    for (const key of [...this.#entries.keys()]) this.#drop(key)
    while (this.#closing.size > 0) await Promise.all(this.#closing)
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  /** True when this key has a handle, or one more may be opened: the one unused for longest is closed for it. */
  #hasRoom (key: string): boolean {
    if (this.#closed || this.#entries.has(key) || this.#entries.size < this.#maxOpen) return true
    for (const [other, { users }] of this.#entries) {
      if (users > 0) continue
      this.#drop(other)
      return true
    }
    return false
  }

  #drop (key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    entry.dropped = true
    if (entry.users === 0) this.#close(entry)
  }

  #close (entry: Entry): void {
    const closing = entry.handle.then(async handle => {
      await handle.close().catch((err: unknown) => { this.#failure ??= err })
    }, () => {
      // It never opened: nothing to close, and who used it was told.
    }).finally(() => { this.#closing.delete(closing) })
    this.#closing.add(closing)
  }
}
