import { RECEIPT_RATE_DECAY } from '../defaults.ts'

/**
 * How much comes back for what we send: bytes in a ms, lately and at best, and how long that takes at least. Counted in
 * rounds of about one receipt's time. Pure: the clock's ms come in.
 */
export class ReceiptRate {
  readonly #lateMs: number
  #startsAt: number | undefined
  #idleSince: number | undefined
  /** Receipts of this round: their bytes, and each times the least time that its peer's receipts take. */
  #bytes = 0
  #byteMs = 0
  #bestBytesPerMs = 0

  /** `lateMs`: how late receipts may be beyond their least time. */
  constructor (lateMs: number) {
    this.#lateMs = lateMs
  }

  /** Something is on its way again: the time since nothing was does not count. */
  begin (now: number): void {
    this.#startsAt = this.#startsAt === undefined ? now : this.#startsAt + now - (this.#idleSince ?? now)
    this.#idleSince = undefined
  }

  /** Nothing is on its way any more. */
  idle (now: number): void {
    this.#idleSince = now
  }

  /** Nothing counts of a peer whose least time is not known: Infinity. */
  add (bytes: number, leastMs: number): void {
    if (leastMs === Infinity) return
    this.#bytes += bytes
    this.#byteMs += bytes * leastMs
  }

  /**
   * Ends a round; `isLimited` when more would have been sent, had the window allowed it.
   *
   * @returns the most bytes that are worth having on their way: by Little's law what is there when receipts take their
   *   least time, and what comes back in `lateMs`, so that some always waits; Infinity when nothing is known
   */
  endRound (now: number, { isLimited }: { isLimited: boolean }): number {
    const elapsedMs = now - (this.#startsAt ?? now)
    const bytes = this.#bytes
    const leastMs = this.#byteMs / bytes
    this.#startsAt = now
    if (this.#idleSince !== undefined) this.#idleSince = now
    this.#bytes = 0
    this.#byteMs = 0
    if (bytes === 0 || elapsedMs <= 0) return Infinity
    const rate = bytes / elapsedMs
    if (rate > this.#bestBytesPerMs) this.#bestBytesPerMs = rate
    else if (isLimited) this.#bestBytesPerMs += RECEIPT_RATE_DECAY * (rate - this.#bestBytesPerMs)
    return this.#bestBytesPerMs * (leastMs + this.#lateMs)
  }
}
