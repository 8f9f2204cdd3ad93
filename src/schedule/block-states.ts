import { Bitfield } from '../model/bitfield.ts'

// I4: every wanted block is in exactly one of missing, in flight, stored; each arrow is one method.
//
//   missing ──ask──► in flight ──store──► stored
//      ▲                │
//      └────giveUp──────┘          (last source gone, rejected, bad bytes, failed write)

/** One source that a block in flight was asked of. */
export interface Asked {
  readonly sourceId: string
  readonly since: number
}

/** A block in flight: the sources asked (several only in the endgame), and the one whose bytes are being stored. */
export interface InFlight {
  readonly block: number
  readonly asked: Asked[]
  storingFrom: string | undefined
}

/** The state of every block of one pull. Unwanted blocks (partial pulls) are in none of the three. */
export class BlockStates {
  readonly missing: Bitfield
  readonly stored: Bitfield
  readonly inFlight = new Map<number, InFlight>()
  readonly #sizeOf: (block: number) => number
  #missingBytes = 0
  /** How many missing blocks have a size of 2^i to 2^(i+1) - 1 bytes. */
  readonly #missingOfSize = new Uint32Array(32)
  /** Bit i is set where that number is not 0. */
  #missingSizes = 0
  #storedBytes = 0

  /** `wanted` are the blocks of this pull, `held` those of them that are already here. Neither is kept. */
  constructor (wanted: Bitfield, held: Bitfield, sizeOf: (block: number) => number) {
    this.#sizeOf = sizeOf
    this.missing = new Bitfield(wanted.length)
    this.stored = new Bitfield(wanted.length)
    for (const block of wanted.indexes()) {
      if (held.has(block)) {
        this.stored.add(block)
        this.#storedBytes += sizeOf(block)
      } else {
        this.#miss(block)
      }
    }
  }

  get missingBytes (): number {
    return this.#missingBytes
  }

  /** No missing block is smaller; more than half of the smallest one's bytes. Infinity when none is missing. */
  get leastMissingBytes (): number {
    return this.#missingSizes === 0 ? Infinity : (this.#missingSizes & -this.#missingSizes) >>> 0
  }

  /** Sum of the sizes of the distinct blocks stored. */
  get storedBytes (): number {
    return this.#storedBytes
  }

  /** True when every wanted block is stored. */
  get isComplete (): boolean {
    return this.missing.count === 0 && this.inFlight.size === 0
  }

  isStored (block: number): boolean {
    return this.stored.has(block)
  }

  /** A block more is wanted: it is missing, unless it was wanted before. */
  want (block: number): void {
    if (!this.stored.has(block) && !this.inFlight.has(block) && !this.missing.has(block)) this.#miss(block)
  }

  /** missing → in flight; or one source more for a block in flight. */
  ask (block: number, sourceId: string, now: number): void {
    const known = this.inFlight.get(block)
    if (known !== undefined) {
      known.asked.push({ sourceId, since: now })
      return
    }
    if (!this.#found(block)) throw new Error(`Block ${block} is not missing`)
    this.inFlight.set(block, { block, asked: [{ sourceId, since: now }], storingFrom: undefined })
  }

  /** Its bytes are here and are being verified and written: the block no longer waits for any source. */
  storing (block: number, sourceId: string): void {
    const flight = this.inFlight.get(block)
    if (flight === undefined) throw new Error(`Block ${block} is not in flight`)
    flight.storingFrom = sourceId
  }

  /** in flight → stored; or missing → stored, for a copy found on this machine. */
  store (block: number): void {
    if (!this.inFlight.delete(block) && !this.#found(block)) {
      throw new Error(`Block ${block} is neither in flight nor missing`)
    }
    this.stored.add(block)
    this.#storedBytes += this.#sizeOf(block)
  }

  /**
   * This source will not give the block. in flight → missing when it was the last one asked.
   *
   * @returns true when the block is missing again
   */
  giveUp (block: number, sourceId: string): boolean {
    const flight = this.inFlight.get(block)
    if (flight === undefined) return false
    const at = flight.asked.findIndex(one => one.sourceId === sourceId)
    if (at >= 0) flight.asked.splice(at, 1)
    if (flight.storingFrom === sourceId) flight.storingFrom = undefined
    if (flight.asked.length > 0 || flight.storingFrom !== undefined) return false
    this.inFlight.delete(block)
    this.#miss(block)
    return true
  }

  #miss (block: number): void {
    this.missing.add(block)
    this.#countMissing(block, 1)
  }

  /** It is not missing any more; false when it was not. */
  #found (block: number): boolean {
    if (!this.missing.delete(block)) return false
    this.#countMissing(block, -1)
    return true
  }

  #countMissing (block: number, by: 1 | -1): void {
    const size = this.#sizeOf(block)
    this.#missingBytes += by * size
    const log = 31 - Math.clz32(size | 1)
    const count = (this.#missingOfSize[log] ?? 0) + by
    this.#missingOfSize[log] = count
    if (count === 0) this.#missingSizes &= ~(1 << log)
    else this.#missingSizes |= 1 << log
  }
}
