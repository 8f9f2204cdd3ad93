const BITS = 32

/** A fixed-length set of block indexes, one bit each. Indexes out of range throw; nothing is ever resized. */
export class Bitfield {
  readonly length: number
  /** The bits, 32 to a word, lowest bit first. Read-only outside this class; for scans at word speed. */
  readonly words: Uint32Array
  #count = 0

  constructor (length: number) {
    this.length = length
    this.words = new Uint32Array(Math.ceil(length / BITS))
  }

  /** How many bits are set. */
  get count (): number {
    return this.#count
  }

  get isFull (): boolean {
    return this.#count === this.length
  }

  has (index: number): boolean {
    this.#check(index)
    return ((this.words[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0
  }

  /** Sets a bit; true when it was not set before. */
  add (index: number): boolean {
    if (this.has(index)) return false
    const word = index >>> 5
    this.words[word] = ((this.words[word] ?? 0) | (1 << (index & 31))) >>> 0
    this.#count++
    return true
  }

  /** Clears a bit; true when it was set before. */
  delete (index: number): boolean {
    if (!this.has(index)) return false
    const word = index >>> 5
    this.words[word] = ((this.words[word] ?? 0) & ~(1 << (index & 31))) >>> 0
    this.#count--
    return true
  }

  /** Sets every bit. */
  fill (): void {
    this.words.fill(0xffffffff)
    const rest = this.length & 31
    if (rest !== 0) this.words[this.words.length - 1] = (2 ** rest) - 1
    this.#count = this.length
  }

  /** How many bits are set both here and in another of this length. */
  countBoth (other: Bitfield): number {
    this.#checkLength(other)
    let count = 0
    for (let w = 0; w < this.words.length; w++) count += popcount((this.words[w] ?? 0) & (other.words[w] ?? 0))
    return count
  }

  /** Clears every bit that is set in another of this length. */
  deleteAll (other: Bitfield): void {
    this.#checkLength(other)
    for (let w = 0; w < this.words.length; w++) {
      const word = this.words[w] ?? 0
      const gone = other.words[w] ?? 0
      this.words[w] = word & ~gone
      this.#count -= popcount(word & gone)
    }
  }

  /** A new one with the bits that are set here and not in another of this length. */
  without (other: Bitfield): Bitfield {
    const rest = new Bitfield(this.length)
    rest.words.set(this.words)
    rest.#count = this.#count
    rest.deleteAll(other)
    return rest
  }

  /** The indexes that are set, ascending. */
  * indexes (): Generator<number> {
    for (let w = 0; w < this.words.length; w++) {
      let word = this.words[w] ?? 0
      while (word !== 0) {
        const bit = 31 - Math.clz32(word & -word)
        yield w * BITS + bit
        word = (word & (word - 1)) >>> 0
      }
    }
  }

  /** The bits as bytes for wire and disk: bit i is bit i % 8 (lowest first) of byte i / 8; pad bits are zero. */
  toBytes (): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.length / 8))
    for (let i = 0; i < bytes.length; i++) bytes[i] = (this.words[i >>> 2] ?? 0) >>> ((i & 3) * 8)
    return bytes
  }

  /**
   * The inverse of toBytes. Copies.
   *
   * @throws RangeError when the number of bytes is not that of `length` bits, or a pad bit is set
   */
  static fromBytes (bytes: Uint8Array, length: number): Bitfield {
    if (bytes.byteLength !== Math.ceil(length / 8)) {
      throw new RangeError(`A bitfield of ${length} bits has ${Math.ceil(length / 8)} bytes, got ${bytes.byteLength}`)
    }
    const field = new Bitfield(length)
    for (let i = 0; i < bytes.byteLength; i++) {
      const byte = bytes[i] ?? 0
      if (byte === 0) continue
      const word = i >>> 2
      field.words[word] = ((field.words[word] ?? 0) | (byte << ((i & 3) * 8))) >>> 0
      for (let rest = byte; rest !== 0; rest &= rest - 1) field.#count++
    }
    const rest = length & 7
    if (rest !== 0 && ((bytes[bytes.byteLength - 1] ?? 0) >>> rest) !== 0) {
      throw new RangeError('A pad bit of the bitfield is set')
    }
    return field
  }

  #check (index: number): void {
    if (!(index >= 0 && index < this.length)) throw new RangeError(`Bit ${index} of a bitfield of ${this.length}`)
  }

  #checkLength (other: Bitfield): void {
    if (other.length !== this.length) throw new RangeError(`A bitfield of ${other.length} bits, expected ${this.length}`)
  }
}

/** Bits set in 32 bits, summed in parallel: pairs, nibbles, bytes, then all four by one multiplication. */
function popcount (word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
