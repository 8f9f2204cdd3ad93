const LENGTH_BYTES = 2

/**
 * Cuts a stream of bytes into Noise messages, each two bytes of length and as many bytes. A message that lies in one
 * chunk is a view of it; one that came in pieces is put together in memory that is used again and again.
 */
export class NoiseFrames {
  /** Length and body of the message that has begun. */
  #begun = new Uint8Array(LENGTH_BYTES)
  #filled = 0

  /** Calls with each message that this chunk completes, good until the call returns. Keeps nothing of the chunk. */
  push (chunk: Uint8Array, onMessage: (message: Uint8Array) => void): void {
    let at = 0
    while (at < chunk.byteLength) {
      const left = chunk.byteLength - at
      if (this.#filled === 0 && left >= LENGTH_BYTES) {
        const end = at + LENGTH_BYTES + lengthAt(chunk, at)
        if (end <= chunk.byteLength) {
          const start = at + LENGTH_BYTES
          at = end
          // An empty message says nothing.
          if (end > start) onMessage(chunk.subarray(start, end))
          continue
        }
      }
      const take = Math.min(this.#needed() - this.#filled, left)
      this.#begun.set(chunk.subarray(at, at + take), this.#filled)
      this.#filled += take
      at += take
      if (this.#filled < LENGTH_BYTES) continue
      this.#makeRoom(this.#needed())
      if (this.#filled < this.#needed()) continue
      const body = this.#begun.subarray(LENGTH_BYTES, this.#filled)
      this.#filled = 0
      if (body.byteLength > 0) onMessage(body)
    }
  }

  /** Bytes of length and body; of the length alone while it is not known. */
  #needed (): number {
    return this.#filled < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + lengthAt(this.#begun, 0)
  }

  #makeRoom (bytes: number): void {
    if (bytes <= this.#begun.byteLength) return
    const larger = new Uint8Array(bytes)
    larger.set(this.#begun.subarray(0, this.#filled))
    this.#begun = larger
  }
}

function lengthAt (bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)
}
