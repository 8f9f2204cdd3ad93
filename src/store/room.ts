import { statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ModelswarmError } from '../errors.ts'
import { diskError } from '../files/disk-error.ts'
import { peopleBytes } from '../files/disk-space.ts'
import { COMMIT_ROOM_BYTES } from '../machine-defaults.ts'

/** What a transaction writes. */
export interface WriteSize {
  puts: number
  removes: number
  /** Of keys and values. */
  bytes: number
}

const PAGE_BYTES = 4096

/**
 * Room on the disk for what is written and not committed yet, asked for before LMDB is: on a full disk its native code
 * writes to standard error, which nothing here can keep it from, and the pages it wrote in vain are lost until it is
 * closed. Between this look and the commit others may fill the disk: then LMDB fails, which is answered too.
 */
export class CommitRoom {
  readonly #dir: string
  readonly #file: string
  /** Not committed yet. lmdb-js makes one transaction of all that comes while another is under way. */
  #puts = 0
  #bytes = 0

  /** @param dir the state folder; `path` is the folder of its database */
  constructor (dir: string, path: string) {
    this.#dir = dir
    this.#file = join(path, 'data.mdb')
  }

  /**
   * Takes room until the function returned is called. What removes at least as much as it puts is let try: freeing must
   * be possible on a full disk, where LMDB may have pages of its own left.
   *
   * @throws ModelswarmError ERR_NO_SPACE; ERR_DISK and its kin when the disk cannot be asked
   */
  take ({ puts, removes, bytes }: WriteSize): () => void {
    if (puts > removes) this.#check(puts, bytes)
    this.#puts += puts
    this.#bytes += bytes
    return () => {
      this.#puts -= puts
      this.#bytes -= bytes
    }
  }

  /**
   * LMDB writes each page that changes anew: at most one for each put, and no more than there are. New pages are half
   * full at worst. Asking takes 10 µs and is not awaited: writes keep their order.
   */
  #check (puts: number, bytes: number): void {
    const { freeBytes, fileBytes } = this.#look()
    const rewritten = Math.min((this.#puts + puts) * PAGE_BYTES, fileBytes)
    const missing = COMMIT_ROOM_BYTES + rewritten + 2 * (this.#bytes + bytes) - freeBytes
    if (missing <= 0) return
    throw new ModelswarmError('ERR_NO_SPACE',
      `Cannot write the state in ${this.#dir}: only ${peopleBytes(freeBytes)} are free on its disk; ` +
      'free some space and try again',
      { path: this.#dir, expected: freeBytes + missing, received: freeBytes })
  }

  #look (): { freeBytes: number, fileBytes: number } {
    try {
      const { bavail, bsize } = statfsSync(this.#file)
      return { freeBytes: bavail * bsize, fileBytes: statSync(this.#file).size }
    } catch (err) {
      throw diskError(err, 'ask for the free space of', this.#file)
    }
  }
}
