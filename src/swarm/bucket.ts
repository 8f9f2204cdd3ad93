/** An allowance that fills up again: `burst` at once, `perSec` on average. Pure; times are the clock's ms. */
export class Bucket {
  readonly #burst: number
  readonly #perSec: number
  #left: number
  #at: number

  constructor (burst: number, perSec: number, now: number) {
    this.#burst = burst
    this.#perSec = perSec
    this.#left = burst
    this.#at = now
  }

  /** Takes so much, there or not: what is missing must fill up first. */
  spend (count: number): void {
    this.#left -= count
  }

  /** Takes so much; false, and nothing taken, when there is not enough. */
  take (count: number, now: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + Math.max(0, now - this.#at) / 1000 * this.#perSec)
    this.#at = now
    if (count > this.#left) return false
    this.#left -= count
    return true
  }
}
