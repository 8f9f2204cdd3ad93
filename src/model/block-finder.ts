import { sameBytes } from './block-id.ts'
import { slotOf } from './digest-index.ts'
import type { Manifest } from './manifest.ts'

/** Finds the block of a manifest that has a digest: a table beside it, of 8 to 16 bytes a block. */
export class BlockFinder {
  readonly #manifest: Pick<Manifest, 'digest' | 'blockCount'>
  /** At most half full. */
  readonly #table: Uint32Array

  constructor (manifest: Pick<Manifest, 'digest' | 'blockCount'>) {
    this.#manifest = manifest
    this.#table = new Uint32Array(2 ** Math.ceil(Math.log2(2 * Math.max(manifest.blockCount, 1))))
    for (let block = 0; block < manifest.blockCount; block++) {
      this.#table[slotOf(this.#table, manifest.digest(block), this.#isBlock)] = block + 1
    }
  }

  find (digest: Uint8Array): number | undefined {
    const entry = this.#table[slotOf(this.#table, digest, this.#isBlock)] ?? 0
    return entry === 0 ? undefined : entry - 1
  }

  readonly #isBlock = (block: number, digest: Uint8Array): boolean => sameBytes(this.#manifest.digest(block), digest)
}
