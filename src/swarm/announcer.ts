import { HAVE_BATCH_LEAST_MS, HAVE_BATCH_MOST_MS, HAVE_BATCH_MS_PER_PEER, HAVE_BLOCKS } from '../defaults.ts'
import type { Clock } from './ports.ts'
import type { Session } from './session.ts'

/** Tells peers of new blocks, those of some milliseconds together, and so many at most in one Have. */
export class Announcer {
  readonly #clock: Clock
  readonly #sessions: () => Iterable<Session>
  #blocks: number[] = []
  #cancel: (() => void) | undefined

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

  #soon (): void {
    if (this.#cancel !== undefined) return
    const told = [...this.#sessions()].length
    const waitMs = Math.min(HAVE_BATCH_MOST_MS, Math.max(HAVE_BATCH_LEAST_MS, told * HAVE_BATCH_MS_PER_PEER))
    this.#cancel = this.#clock.setTimer(waitMs, () => {
      this.#cancel = undefined
      const indexes = this.#blocks.splice(0, HAVE_BLOCKS)
      for (const session of this.#sessions()) session.announce(indexes)
      if (this.#blocks.length > 0) this.#soon()
    })
  }
}
