/** How slowly the least transit time is forgotten, so that clocks may drift and paths become longer. */
const FORGET = 1 / 256

/**
 * How long blocks from one peer queue on their way to us: what their transit takes beyond the least seen. Each Block
 * carries the sender's clock; the clocks' offset is in the least as well, and so falls out (one-way delays as in
 * LEDBAT, RFC 6817 section 2). Pure: our clock's ms come in.
 */
export class PathDelay {
  #firstMs: number | undefined
  #leastMs = 0
  #sumMs = 0
  #blocks = 0

  /** A block's header has come that its sender handed over at `sentMs` of its own clock, modulo 2^32. */
  onBlock (sentMs: number, now: number): void {
    const transitMs = (Math.round(now) - sentMs) | 0
    this.#firstMs ??= transitMs
    const relativeMs = (transitMs - this.#firstMs) | 0
    this.#leastMs = Math.min(relativeMs, this.#leastMs + FORGET * (relativeMs - this.#leastMs))
    this.#sumMs += relativeMs - this.#leastMs
    this.#blocks++
  }

  /** The mean queueing time of the blocks since the last call, in whole ms; undefined when none came. */
  take (): number | undefined {
    if (this.#blocks === 0) return undefined
    const meanMs = Math.round(this.#sumMs / this.#blocks)
    this.#sumMs = 0
    this.#blocks = 0
    return meanMs
  }
}
