import {
  COMING_PEERS, HAVE_BATCH_FIRST_MS, HAVE_BATCH_LEAST_MS, HAVE_BATCH_MOST_MS, HAVE_BATCH_MS_PER_PEER, HAVE_BLOCKS
} from '../defaults.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import type { Clock } from './ports.ts'
import type { Session } from './session.ts'

/**
 * Tells peers of new blocks, those of some milliseconds together, and so many at most in one Have. What comes after a
 * quiet time is told at once: the first blocks of a swarm pass through many hands, and wait in none of them. For the
 * same reason peers hear of blocks that begin to come, and ask for them while they do.
 */
export class Announcer {
  readonly #clock: Clock
  readonly #sessions: () => Iterable<Session>
  #blocks: number[] = []
  /** What is coming, and from whom, who need not hear of it. */
  #coming = new Map<number, Session>()
  #cancel: (() => void) | undefined
  /** When peers were last told, on the clock. */
  #toldAt = -Infinity

  constructor (clock: Clock, sessions: () => Iterable<Session>) {
    this.#clock = clock
    this.#sessions = sessions
  }

  add (block: number): void {
    this.#blocks.push(block)
    this.#coming.delete(block)
    this.#soon()
  }

  /** A block begins to come; told of only when it is not here before others are told of anything. */
  addComing (block: number, from: Session): void {
    let lacking = 0
    for (const session of this.#sessions()) if (isNews(session, block, from)) lacking++
    if (lacking < COMING_PEERS) return
    this.#coming.set(block, from)
    this.#soon()
  }

  stop (): void {
    this.#cancel?.()
    this.#blocks = []
    this.#coming.clear()
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
      const coming = [...this.#coming].slice(0, WIRE_LIMITS.comingBlocks)
      this.#coming.clear()
      for (const session of this.#sessions()) {
        const news = coming.filter(([block, from]) => isNews(session, block, from)).map(([block]) => block)
        if (indexes.length + news.length > 0) session.announce(indexes, news)
      }
      if (this.#blocks.length > 0) this.#soon(true)
    })
  }
}

/** Who sends a block, or holds it, need not hear that it is coming. */
function isNews ({ peerId, their }: Session, block: number, from: Session): boolean {
  return peerId !== from.peerId && their.holdings?.has(block) !== true
}
