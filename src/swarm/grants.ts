/**
 * What we granted a publisher in one session. On the wire Want and Mode count from the session's start, a pull counts
 * from its own: the pulls of a session come one after the other.
 */
export class Grants {
  #sum = 0
  #before = 0
  #modes = 0

  /** Modes read so far: a Want tells the publisher which of its Modes it knew. */
  get modes (): number {
    return this.#modes
  }

  /** A pull begins: what it grants comes on top of what earlier ones did. */
  begin (): void {
    this.#before = this.#sum
  }

  /** This pull has granted so many bytes by now; the sum for Want, which falls by a Mode alone. */
  raise (upTo: number): number {
    this.#sum = Math.max(this.#sum, this.#before + upTo)
    return this.#sum
  }

  /** The publisher has given so much and takes the rest to be void; what it has given as this pull counts. */
  onMode (given: number): number {
    this.#modes++
    this.#sum = Math.min(this.#sum, given)
    this.#before = Math.min(this.#before, this.#sum)
    return Math.max(0, given - this.#before)
  }
}
