import { HAVE_BATCH_FIRST_MS, HAVE_BATCH_LEAST_MS, HAVE_BATCH_MOST_MS, HAVE_BATCH_MS_PER_PEER, HAVE_BLOCKS } from '../defaults.ts'
import type { Clock } from './ports.ts'
import type { Session } from './session.ts'

/**
 * Tells peers of new blocks, those of some milliseconds together, and so many at most in one Have. What comes after a
 * quiet time is told at once: the first blocks of a swarm pass through many hands, and wait in none of them.
 */
export class Announcer {
  readonly #clock: Clock
  readonly #sessions: () => Iterable<Session>
  #blocks: number[] = []
  #cancel: (() => void) | undefined
  /** When peers were last told, on the clock. */
  #toldAt = -Infinity

  constructor (clock: Clock, sessions: () => Iterable<Session>) {
    this.#clock = clock
    this.#sessions = sessions
  }

  add (block: number): void {
    this.#blocks.push(block)
    this.#soon()
  }

  stop (): void {
    this.#cancel?.()
    this.#blocks = []
  }

  /** `isRest`: of what did not go into one Have, which costs its reader as much as hundreds of others. */
  #soon (isRest = false): void {
    if (this.#cancel !== undefined) return
    const told = isRest ? Infinity : [...this.#sessions()].length
    const apartMs = Math.min(HAVE_BATCH_MOST_MS, Math.max(HAVE_BATCH_LEAST_MS, told * HAVE_BATCH_MS_PER_PEER))
    // What is stored in the same moment goes along.
    const waitMs = Math.max(HAVE_BATCH_FIRST_MS, this.#toldAt + apartMs - this.#clock.now())
    this.#cancel = this.#clock.setTimer(waitMs, () => {
      this.#cancel = undefined
      this.#toldAt = this.#clock.now()
      const indexes = this.#blocks.splice(0, HAVE_BLOCKS)
      for (const session of this.#sessions()) session.announce(indexes)
      if (this.#blocks.length > 0) this.#soon(true)
    })
  }
}
