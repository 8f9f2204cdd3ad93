import { SENT_LATELY_BYTES } from '../defaults.ts'

/** Which blocks a peer was sent last, as far back as it may not have verified yet: what it can complain of. */
export class SentLately {
  readonly #sent: Array<{ block: number, bytes: number }> = []
  #bytes = 0

  get blocks (): number[] {
    return this.#sent.map(({ block }) => block)
  }

  add (block: number, bytes: number): void {
    this.#sent.push({ block, bytes })
    this.#bytes += bytes
    while (this.#bytes > SENT_LATELY_BYTES && this.#sent.length > 1) this.#bytes -= this.#sent.shift()?.bytes ?? 0
  }
}
