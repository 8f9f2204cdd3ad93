import { DIGEST_BYTES } from './block-id.ts'

/** Distinct digests in order of arrival, found by open addressing on their first four bytes (they are uniform). */
export class DigestIndex {
  count = 0
  #digests = new Uint8Array(1024 * DIGEST_BYTES)
  #sizes = new Uint32Array(1024)
  #table = new Uint32Array(2048)

  /** The index of this digest, new or known. A known digest keeps its first size. */
  add (digest: Uint8Array, sizeBytes: number): number {
    let slot = slotOf(this.#table, digest, this.#isBlock)
    const found = this.#table[slot] ?? 0
    if (found !== 0) return found - 1
    if (this.count === this.#sizes.length) {
      this.#grow()
      slot = slotOf(this.#table, digest, this.#isBlock)
    }
    this.#digests.set(digest, this.count * DIGEST_BYTES)
    this.#sizes[this.count] = sizeBytes
    this.#table[slot] = ++this.count
    return this.count - 1
  }

  sizeBytes (block: number): number {
    return this.#sizes[block] ?? 0
  }

  digests (): Uint8Array {
    return this.#digests.slice(0, this.count * DIGEST_BYTES)
  }

  sizes (): Uint32Array {
    return this.#sizes.slice(0, this.count)
  }

  readonly #isBlock = (block: number, digest: Uint8Array): boolean => {
    const at = block * DIGEST_BYTES
    for (let i = 0; i < DIGEST_BYTES; i++) if (this.#digests[at + i] !== digest[i]) return false
    return true
  }

  #grow (): void {
    const digests = new Uint8Array(this.#digests.length * 2)
    digests.set(this.#digests)
    this.#digests = digests
    const sizes = new Uint32Array(this.#sizes.length * 2)
    sizes.set(this.#sizes)
    this.#sizes = sizes
    this.#table = new Uint32Array(this.#sizes.length * 2)
    const mask = this.#table.length - 1
    for (let block = 0; block < this.count; block++) {
      let slot = hashOf(this.#digests, block * DIGEST_BYTES) & mask
      while (this.#table[slot] !== 0) slot = (slot + 1) & mask
      this.#table[slot] = block + 1
    }
  }
}

/**
 * Where a table of block + 1 (0 where there is none, never full, a power of two long) has the block of this digest, or
 * has room for it: open addressing.
 */
export function slotOf (
  table: Uint32Array, digest: Uint8Array, isBlock: (block: number, digest: Uint8Array) => boolean
): number {
  const mask = table.length - 1
  let slot = hashOf(digest, 0) & mask
  for (;;) {
    const entry = table[slot] ?? 0
    if (entry === 0 || isBlock(entry - 1, digest)) return slot
    slot = (slot + 1) & mask
  }
}

/** Its first four bytes: digests are uniform. */
function hashOf (bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at, at + 4)
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0
}
