import { BASE_DELAY_MS } from '../defaults.ts'
import { LeastLately } from './least-lately.ts'

/**
 * How long blocks from one peer queue on their way to us: what their transit takes beyond the least of the last minute
 * or two. Each Block carries the sender's clock as it was handed over, and is looked at when its header comes, so that
 * its size does not matter; the clocks' offset is in the least as well, and falls out (one-way delays and base history
 * as in LEDBAT, RFC 6817 section 2). Pure: our clock's ms come in.
 */
export class PathDelay {
  #firstMs: number | undefined
  /** Relative to the first. */
  readonly #least = new LeastLately(BASE_DELAY_MS)
  #sumMs = 0
  #blocks = 0

  /** A block's header has come that its sender handed over at `sentMs` of its own clock, modulo 2^32. */
  onBlock (sentMs: number, now: number): void {
    const transitMs = (Math.round(now) - sentMs) | 0
    this.#firstMs ??= transitMs
    const relativeMs = (transitMs - this.#firstMs) | 0
    this.#least.add(relativeMs, now)
    this.#sumMs += relativeMs - this.#least.value
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
