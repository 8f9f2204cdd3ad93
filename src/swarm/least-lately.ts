/**
 * The least value of this period and of the one before, so that it is at least one period and at most two old (the base
 * history of LEDBAT, RFC 6817 section 3.4.2, in two steps). Pure: the clock's ms come in.
 */
export class LeastLately {
  readonly #periodMs: number
  #least = Infinity
  #leastBefore = Infinity
  #periodEndsAt = -Infinity

  constructor (periodMs: number) {
    this.#periodMs = periodMs
  }

  /** Infinity before the first. */
  get value (): number {
    return Math.min(this.#least, this.#leastBefore)
  }

  add (value: number, now: number): void {
    if (now >= this.#periodEndsAt) {
      this.#leastBefore = this.#least
      this.#least = Infinity
      this.#periodEndsAt = now + this.#periodMs
    }
    this.#least = Math.min(this.#least, value)
  }
}
