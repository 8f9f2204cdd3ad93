import type { Clock } from './ports.ts'

/** One timer for a look that many events ask for: the first sets it, and the others leave it as it is. */
export class Alarm {
  readonly #clock: Clock
  readonly #ring: () => void
  #cancel: (() => void) | undefined

  constructor (clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = ring
  }

  /** Rings after so long, unless it is set already. */
  set (ms: number): void {
    this.#cancel ??= this.#clock.setTimer(ms, () => {
      this.#cancel = undefined
      this.#ring()
    })
  }

  stop (): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}
