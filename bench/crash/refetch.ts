/** What one run of a pull came to, as its ledger tells, the killed ones included. */
export interface Run {
  /** Bytes received, frames and all. */
  readonly wireBytes: number
  /** Bytes found in the target when it began; undefined when it did not come so far. */
  readonly heldBytes: number | undefined
  readonly isKilled: boolean
}

/** Of the runs of one pull, one after another: how much was received and not there for the next run. */
export class Refetch {
  /** For one kill; of kills between which nothing was looked at, their mean. */
  worstBytes = 0
  #heldBytes = 0
  #wireBytes = 0
  #kills = 0

  add (run: Run): void {
    if (run.heldBytes !== undefined) {
      const lost = this.#wireBytes - (run.heldBytes - this.#heldBytes)
      if (this.#kills > 0) this.worstBytes = Math.max(this.worstBytes, lost / this.#kills)
      this.#heldBytes = run.heldBytes
      this.#wireBytes = 0
      this.#kills = 0
    }
    this.#wireBytes += run.wireBytes
    if (run.isKilled) this.#kills++
  }
}
