/** Draws that a seed repeats: mulberry32 (Ettinger 2017, public domain), 32 bits of state. */
export class Random {
  #state: number

  /** The same numbers give the same draws; more than one names a draw within a run. */
  constructor (...seeds: readonly number[]) {
    this.#state = 0
    for (const seed of seeds) {
      this.#state = (this.#state ^ Math.imul(seed | 0, 0x9e3779b1)) >>> 0
      this.next()
      this.#state = this.next()
    }
  }

  /** A whole number of 32 bits. */
  next (): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let x = this.#state
    x = Math.imul(x ^ (x >>> 15), x | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return (x ^ (x >>> 14)) >>> 0
  }

  /** 0 to count - 1; 0 for a count of 0. */
  below (count: number): number {
    return Math.floor(this.next() / 2 ** 32 * count)
  }

  /** From the first to the last, both included. */
  between (first: number, last: number): number {
    return first + this.below(last - first + 1)
  }

  chance (probability: number): boolean {
    return this.next() < probability * 2 ** 32
  }

  pick<T> (items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new RangeError('Pick of nothing')
    return item
  }

  bytes (count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let i = 0; i < count; i++) bytes[i] = this.next() >>> 24
    return bytes
  }

  text (alphabet: string, count: number): string {
    return Array.from({ length: count }, () => alphabet[this.below(alphabet.length)]).join('')
  }
}

/** A text as a seed. */
export function seedOf (text: string): number {
  let seed = 0
  for (const char of text) seed = (Math.imul(seed, 31) + (char.codePointAt(0) ?? 0)) | 0
  return seed
}
