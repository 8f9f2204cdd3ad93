import { RECHECK_AGAIN_MS } from '../defaults.ts'
import { isModelswarmError } from '../errors.ts'
import type { BlockAccess, Clock } from './ports.ts'

export interface DoubtsParts {
  clock: Clock
  isHeld: (block: number) => boolean
  /** Tells its owner of a failure before it throws it. */
  recheck: NonNullable<BlockAccess['recheck']>
  /** Its bytes are not here any more. */
  onLost: (block: number) => void
}

/**
 * Blocks of ours that a peer found wrong: each is read and hashed again, one at a time. A liar gains little: it makes
 * us read at most what we have just sent it, and no block twice within RECHECK_AGAIN_MS, whoever complains.
 */
export class Doubts {
  readonly #parts: DoubtsParts
  readonly #waiting = new Set<number>()
  readonly #checkedAt = new Map<number, number>()
  #isRunning = false
  #isStopped = false

  constructor (parts: DoubtsParts) {
    this.#parts = parts
  }

  /** A peer said that some of these are wrong. */
  add (blocks: readonly number[]): void {
    const now = this.#parts.clock.now()
    for (const [block, at] of this.#checkedAt) if (now - at >= RECHECK_AGAIN_MS) this.#checkedAt.delete(block)
    for (const block of blocks) if (!this.#checkedAt.has(block)) this.#waiting.add(block)
    if (!this.#isRunning) this.#run().catch(() => { /* it has answered every failure itself */ })
  }

  /** What waits is forgotten; a check under way ends by itself and changes nothing. */
  stop (): void {
    this.#isStopped = true
    this.#waiting.clear()
  }

  async #run (): Promise<void> {
    this.#isRunning = true
    try {
      for (const block of this.#waiting) {
        this.#waiting.delete(block)
        if (!this.#parts.isHeld(block)) continue
        this.#checkedAt.set(block, this.#parts.clock.now())
        if (!await this.#isHere(block) && !this.#isStopped) this.#parts.onLost(block)
      }
    } finally {
      this.#isRunning = false
    }
  }

  async #isHere (block: number): Promise<boolean> {
    try {
      return await this.#parts.recheck(block)
    } catch (err) {
      // A file that is gone or changed has lost the block. Any other failure, of a disk or of our own code, proves
      // nothing about the bytes: the block is kept, and `recheck` has told why.
      return !isModelswarmError(err, 'ERR_NOT_HELD', 'ERR_FILE_CHANGED', 'ERR_PATH_NOT_FOUND')
    }
  }
}
