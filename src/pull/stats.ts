import { RATE_WINDOW_MS } from '../defaults.ts'
import type { ByteOrigins, PullProgress } from '../events.ts'
import type { Clock } from '../swarm/ports.ts'

/** A rate over the last few seconds, from totals seen now and then. */
class Rate {
  readonly #seen: Array<{ at: number, total: number }> = []

  /** Bytes a second up to now. */
  at (now: number, total: number): number {
    this.#seen.push({ at: now, total })
    while (this.#seen.length > 2 && now - (this.#seen[0]?.at ?? now) > RATE_WINDOW_MS) this.#seen.shift()
    const first = this.#seen[0]
    if (first === undefined || now <= first.at) return 0
    return (total - first.total) * 1000 / (now - first.at)
  }
}

/** Counts where the bytes of one pull come from. */
export class PullStats {
  held = 0
  readonly from: ByteOrigins = { peers: 0, origins: 0, local: 0 }
  fromPublisher = 0
  readonly #clock: Clock
  readonly #startedAt: number
  readonly #in = new Rate()
  readonly #out = new Rate()

  constructor (clock: Clock) {
    this.#clock = clock
    this.#startedAt = clock.now()
  }

  /** Since the pull began. */
  get seconds (): number {
    return (this.#clock.now() - this.#startedAt) / 1000
  }

  progress (now: {
    root: string, bytes: number, total: number, peers: number, seeders: number, sentBytes: number
  }): PullProgress {
    const { root, bytes, total, peers, seeders } = now
    const at = this.#clock.now()
    const rateInBytesPerSec = this.#in.at(at, bytes)
    return {
      type: 'progress',
      root,
      bytes,
      total,
      peers,
      seeders,
      from: { ...this.from },
      fromPublisher: this.fromPublisher,
      rateInBytesPerSec,
      rateOutBytesPerSec: this.#out.at(at, now.sentBytes),
      secondsLeft: rateInBytesPerSec > 0 ? (total - bytes) / rateInBytesPerSec : undefined
    }
  }
}
