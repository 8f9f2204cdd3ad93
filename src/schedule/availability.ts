import type { Bitfield } from '../model/bitfield.ts'

/**
 * Who holds what, counted: for every block the number of incomplete sources that hold it, and beside that the number of
 * sources that hold everything. A seeder that comes or goes costs nothing; an incomplete source one pass over its bits.
 */
export class Availability {
  readonly #counts: Uint16Array
  #seeders = 0

  constructor (blockCount: number) {
    this.#counts = new Uint16Array(blockCount)
  }

  get seeders (): number {
    return this.#seeders
  }

  /** How many known sources hold a block, or expect it. */
  of (block: number): number {
    return (this.#counts[block] ?? 0) + this.#seeders
  }

  add (holdings: Bitfield): void {
    if (holdings.isFull) this.#seeders++
    else for (const block of holdings.indexes()) this.#change(block, 1)
  }

  remove (holdings: Bitfield): void {
    if (holdings.isFull) this.#seeders--
    else for (const block of holdings.indexes()) this.#change(block, -1)
  }

  /**
   * A source got one block more: adds it to its holdings.
   *
   * @returns false when the source held it already
   */
  addOne (holdings: Bitfield, block: number): boolean {
    if (!holdings.add(block)) return false
    if (holdings.isFull) {
      // It moves from the counted to the complete: take back what was counted for it.
      for (let other = 0; other < holdings.length; other++) if (other !== block) this.#change(other, -1)
      this.#seeders++
    } else {
      this.#change(block, 1)
    }
    return true
  }

  /** A source lost a block (it could not read it any more). */
  removeOne (holdings: Bitfield, block: number): void {
    if (!holdings.has(block)) return
    const wasFull = holdings.isFull
    holdings.delete(block)
    if (wasFull) {
      this.#seeders--
      for (const other of holdings.indexes()) this.#change(other, 1)
    } else {
      this.#change(block, -1)
    }
  }

  /** A block is coming to a source that does not hold it yet (`by` 1), or is not any more (-1). */
  expect (block: number, by: 1 | -1): void {
    this.#change(block, by)
  }

  #change (block: number, by: number): void {
    this.#counts[block] = (this.#counts[block] ?? 0) + by
  }
}
