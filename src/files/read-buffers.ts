/**
 * A fixed number of buffers in shared memory, lent to whoever reads and given back when the bytes have been used:
 * reading into fresh memory costs as much as the read itself (page faults), and other threads see these without a
 * copy.
 */
export class ReadBuffers {
  readonly bufferBytes: number
  readonly #free: SharedArrayBuffer[] = []
  readonly #waiting: Array<(buffer: SharedArrayBuffer) => void> = []
  #left: number

  /** At most `count` buffers of `bufferBytes` each, made when first needed. */
  constructor (count: number, bufferBytes: number) {
    this.#left = count
    this.bufferBytes = bufferBytes
  }

  /** Lends a buffer; waits until one is given back when all are lent. */
  async take (): Promise<SharedArrayBuffer> {
    const free = this.#free.pop()
    if (free !== undefined) return free
    if (this.#left > 0) {
      this.#left--
      return new SharedArrayBuffer(this.bufferBytes)
    }
    return await new Promise(resolve => { this.#waiting.push(resolve) })
  }

  giveBack (buffer: SharedArrayBuffer): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(buffer)
    else next(buffer)
  }
}
