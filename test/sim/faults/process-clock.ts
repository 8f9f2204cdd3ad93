import type { Clock } from '../../../src/swarm/ports.ts'

/** The clock of one process: knows what timers it has (I8), and fires none after the process was killed. */
export class ProcessClock implements Clock {
  readonly #world: Clock
  readonly #timers = new Set<() => void>()
  #isKilled = false

  constructor (world: Clock) {
    this.#world = world
  }

  /** Timers set and neither fired nor cancelled. */
  get timers (): number {
    return this.#timers.size
  }

  now = (): number => this.#world.now()

  setTimer = (ms: number, fn: () => void): (() => void) => {
    if (this.#isKilled) return () => {}
    const end = (): void => {
      cancel()
      this.#timers.delete(end)
    }
    const cancel = this.#world.setTimer(ms, () => {
      this.#timers.delete(end)
      fn()
    })
    this.#timers.add(end)
    return end
  }

  /** Resolves after so long; never when the process is killed before. */
  async sleep (ms: number): Promise<void> {
    await new Promise<void>(resolve => { this.setTimer(ms, resolve) })
  }

  kill (): void {
    this.#isKilled = true
    for (const end of [...this.#timers]) end()
  }
}
