import { SENT_LATELY_BYTES } from '../defaults.ts'

/** Which blocks a peer was sent last, as far back as it may not have verified yet: what it can complain of. */
export class SentLately {
  /** Their bytes; the one that was sent last is last. */
  readonly #sent = new Map<number, number>()
  #bytes = 0

  get blocks (): number[] {
    return [...this.#sent.keys()]
  }

  has (block: number): boolean {
    return this.#sent.has(block)
  }

  add (block: number, bytes: number): void {
    this.#bytes += bytes - (this.#sent.get(block) ?? 0)
    this.#sent.delete(block)
    this.#sent.set(block, bytes)
    for (const [oldest, size] of this.#sent) {
      if (this.#bytes <= SENT_LATELY_BYTES || this.#sent.size === 1) return
      this.#bytes -= size
      this.#sent.delete(oldest)
    }
  }
}
