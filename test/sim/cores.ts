import type { VirtualClock } from './virtual-clock.ts'

/** A processor of a few cores in virtual time: work is done in the order it came, each piece on one core. */
export class Cores {
  readonly #clock: VirtualClock
  readonly #freeAt: number[]

  constructor (clock: VirtualClock, cores: number) {
    this.#clock = clock
    this.#freeAt = new Array<number>(cores).fill(0)
  }

  /** Calls `fn` when `ms` of a core were spent on it. */
  work (ms: number, fn: () => void): void {
    const now = this.#clock.now()
    let best = 0
    for (let i = 1; i < this.#freeAt.length; i++) {
      if ((this.#freeAt[i] ?? 0) < (this.#freeAt[best] ?? 0)) best = i
    }
    const doneAt = Math.max(now, this.#freeAt[best] ?? 0) + ms
    this.#freeAt[best] = doneAt
    this.#clock.setTimer(doneAt - now, fn)
  }
}
