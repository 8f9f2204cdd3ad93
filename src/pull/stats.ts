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

  /** Time in which nothing could come does not count. */
  restart (): void {
    this.#seen.length = 0
  }
}

/** Counts where the bytes of one pull come from. */
export class PullStats {
  held = 0
  /** While it is looked at what was there before: how many bytes so far, and how many of them were good. */
  check: { readonly bytes: number, readonly goodBytes: number } | undefined
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
    root: string, heldBytes: number, total: number, peers: number, seeders: number, sentBytes: number
  }): PullProgress {
    const { root, total, peers, seeders } = now
    const { check, from } = this
    const bytes = check?.goodBytes ?? now.heldBytes
    const at = this.#clock.now()
    if (check !== undefined) this.#in.restart()
    // What is found on the disk does not come: it says nothing of how long the rest takes.
    const rateInBytesPerSec = this.#in.at(at, from.peers + from.origins + from.local)
    return {
      type: 'progress',
      root,
      bytes,
      total,
      peers,
      seeders,
      from: { ...from },
      fromPublisher: this.fromPublisher,
      rateInBytesPerSec,
      rateOutBytesPerSec: this.#out.at(at, now.sentBytes),
      secondsLeft: rateInBytesPerSec > 0 ? (total - bytes) / rateInBytesPerSec : undefined,
      ...(check !== undefined && { checkedBytes: check.bytes })
    }
  }
}
