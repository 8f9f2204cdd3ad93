import { WRITES_OF_WORKER } from '../machine-defaults.ts'
import { payloadMemory } from '../memory.ts'
import { badBlock, verifyBlock } from '../model/verify.ts'
import type { BlockWriter } from '../files/block-writer.ts'
import type { Target } from '../files/target-port.ts'
import type { Hash } from '../model/block-id.ts'
import type { Manifest } from '../model/manifest.ts'

export interface BlockKeeperParts {
  target: Pick<Target, 'held' | 'write'>
  manifest: Manifest
  hash: Hash
  /** Does both at once for so many plain blocks at a time; the thread pool does what it is not given. */
  writer?: BlockWriter | undefined
}

/** What peers send becomes blocks of a target: verified (I1), then written (I2), and its memory given back. */
export class BlockKeeper {
  readonly #parts: BlockKeeperParts
  readonly #underWay = new Set<number>()
  #handedOver = 0

  constructor (parts: BlockKeeperParts) {
    this.#parts = parts
  }

  /**
   * Resolves when the block is held. The buffer is handed over.
   *
   * @throws ModelswarmError ERR_BAD_BLOCK blaming the source; ERR_BAD_TREE when the tree lies about its size; what
   *   Target.write throws
   */
  async keep (block: number, bytes: Uint8Array, sourceId: string): Promise<void> {
    const { target, writer } = this.#parts
    // Two copies at once: the second is verified before the target looks whether it still needs it.
    const isSecond = this.#underWay.has(block) || target.held.has(block)
    this.#underWay.add(block)
    try {
      const isHandedOver = writer?.isReady === true && this.#handedOver < WRITES_OF_WORKER && !isSecond &&
        this.#isPlain(block, bytes)
      payloadMemory.giveBack(await (isHandedOver
        ? this.#handOver(block, bytes, { writer, sourceId })
        : this.#verifyAndWrite(block, bytes, sourceId)))
    } finally {
      if (!isSecond) this.#underWay.delete(block)
    }
  }

  async #verifyAndWrite (block: number, bytes: Uint8Array, sourceId: string): Promise<Uint8Array> {
    const { target, manifest, hash } = this.#parts
    await verifyBlock(manifest, block, bytes, { hash, sourceId })
    await target.write(block, bytes)
    return bytes
  }

  async #handOver (
    block: number, bytes: Uint8Array, { writer, sourceId }: { writer: BlockWriter, sourceId: string }
  ): Promise<Uint8Array> {
    const { target, manifest } = this.#parts
    const digest = manifest.digest(block)
    let left = bytes
    this.#handedOver++
    try {
      await target.write(block, bytes, async (file, placed) => {
        const written = await writer.write(file, placed, digest)
        if (written === undefined) throw badBlock(digest, sourceId)
        left = written
        return left
      })
    } finally {
      this.#handedOver--
    }
    return left
  }

  /** The digest is that of the bytes as they are, and their buffer can be handed over. */
  #isPlain (block: number, { byteLength, buffer }: Uint8Array): boolean {
    const { manifest } = this.#parts
    return manifest.leaf(block) === 'raw' && byteLength === manifest.sizeBytes(block) && byteLength === buffer.byteLength
  }
}
