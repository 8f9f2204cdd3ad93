import { SentLately } from './sent-lately.ts'
import type { Clock } from './ports.ts'

/** What two peers have exchanged: by it a session is kept, or gives place to others. Times are the clock's ms. */
export class Exchange {
  /** Blocks of theirs that were stored here. */
  given = 0
  /** When the last was, or the session began. */
  gaveAt: number
  /** Blocks of ours that they said have come. */
  taken = 0
  /** When they said so last, or the session began. */
  tookAt: number
  readonly #clock: Clock
  readonly #sent = new SentLately()

  constructor (clock: Clock) {
    this.#clock = clock
    this.gaveAt = clock.now()
    this.tookAt = this.gaveAt
  }

  /** When a block went either way last, or the session began. */
  get usedAt (): number {
    return Math.max(this.gaveAt, this.tookAt)
  }

  /** Blocks sent so lately that they may not have verified them yet: what they can complain of. */
  get sentLately (): number[] {
    return this.#sent.blocks
  }

  onStored (): void {
    this.given++
    this.gaveAt = this.#clock.now()
  }

  onSent (block: number, bytes: number): void {
    this.#sent.add(block, bytes)
  }

  /** They announced this block for the first time. */
  onNews (block: number): void {
    if (!this.#sent.has(block)) return
    this.taken++
    this.tookAt = this.#clock.now()
  }
}
