import { sameBytes } from './block-id.ts'
import { hashOf } from './digest-index.ts'
import type { Manifest } from './manifest.ts'

/** Finds the block of a manifest that has a digest: a table beside it, of 8 to 16 bytes a block. */
export class BlockFinder {
  readonly #manifest: Pick<Manifest, 'digest' | 'blockCount'>
  /** Open addressing: block + 1, or 0 where there is none. At most half full. */
  readonly #table: Uint32Array

  constructor (manifest: Pick<Manifest, 'digest' | 'blockCount'>) {
    this.#manifest = manifest
    this.#table = new Uint32Array(2 ** Math.ceil(Math.log2(2 * Math.max(manifest.blockCount, 1))))
    for (let block = 0; block < manifest.blockCount; block++) {
      this.#table[this.#slotOf(manifest.digest(block))] = block + 1
    }
  }

  find (digest: Uint8Array): number | undefined {
    const entry = this.#table[this.#slotOf(digest)] ?? 0
    return entry === 0 ? undefined : entry - 1
  }

  #slotOf (digest: Uint8Array): number {
    const mask = this.#table.length - 1
    let slot = hashOf(digest, 0) & mask
    for (;;) {
      const entry = this.#table[slot] ?? 0
      if (entry === 0 || sameBytes(this.#manifest.digest(entry - 1), digest)) return slot
      slot = (slot + 1) & mask
    }
  }
}
