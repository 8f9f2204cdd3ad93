/**
 * What we granted a publisher in one session. On the wire Want and Mode count from the session's start, a pull counts
 * from its own: the pulls of a session come one after the other.
 */
export class Grants {
  #sum = 0
  #before = 0

  /** A pull begins: what it grants comes on top of what earlier ones did. */
  begin (): void {
    this.#before = this.#sum
  }

  /** This pull has granted so many bytes by now; the sum for Want, which never falls. */
  raise (upTo: number): number {
    this.#sum = Math.max(this.#sum, this.#before + upTo)
    return this.#sum
  }

  /** A sum from the wire as this pull counts. */
  ofThisPull (sum: number): number {
    return Math.max(0, sum - this.#before)
  }
}
