import { MAX_LOOK_MS, PULL_LOOK_MS } from '../defaults.ts'
import type { Clock } from '../swarm/ports.ts'

export interface PullWatchParts {
  clock: Clock
  giveUpMs: number
  /** What to reject with when the time is over. */
  gaveUp: () => Error
  /** Called at every look, four times a second, with the time waited: the place to tell progress. */
  onLook: (quietMs: number) => void
  signal?: AbortSignal | undefined
}

/**
 * Ends a pull that cannot go on: resolves never, rejects when the signal aborts, when somebody calls `fail`, or when
 * nothing has happened for so long (then with what `gaveUp` makes). Its owner calls `stop`.
 */
export class PullWatch {
  /** Never resolves. */
  readonly failed: Promise<never>
  readonly #reject: (err: unknown) => void
  readonly #parts: PullWatchParts
  /** Waited since the last verified byte, and when that was last added to. */
  #quietMs = 0
  #lookedAt: number
  #isOver = false
  #cancelTimer: () => void = () => {}

  constructor (parts: PullWatchParts) {
    const { promise, reject } = Promise.withResolvers<never>()
    this.failed = promise
    this.#reject = reject
    promise.catch(() => { /* whoever races it sees it; nobody may be racing any more */ })
    this.#parts = parts
    this.#lookedAt = parts.clock.now()
    parts.signal?.addEventListener('abort', this.#onAbort)
    if (parts.signal?.aborted === true) this.#onAbort()
    this.#arm()
  }

  /** A verified byte has come. */
  alive (): void {
    this.#quietMs = 0
    this.#lookedAt = this.#parts.clock.now()
  }

  fail = (err: unknown): void => {
    this.#reject(err)
  }

  stop (): void {
    this.#isOver = true
    this.#cancelTimer()
    this.#parts.signal?.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => {
    this.#reject(this.#parts.signal?.reason)
  }

  #arm (): void {
    if (this.#isOver) return
    this.#cancelTimer = this.#parts.clock.setTimer(PULL_LOOK_MS, () => {
      const now = this.#parts.clock.now()
      this.#quietMs += Math.min(now - this.#lookedAt, MAX_LOOK_MS)
      this.#lookedAt = now
      this.#parts.onLook(this.#quietMs)
      if (this.#quietMs > this.#parts.giveUpMs) this.#reject(this.#parts.gaveUp())
      this.#arm()
    })
  }
}
