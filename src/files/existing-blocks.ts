import { PARALLEL_CHECKS } from '../machine-defaults.ts'
import { Bitfield } from '../model/bitfield.ts'
import { ModelswarmError } from '../errors.ts'
import { isBelieved } from './held-record.ts'
import type { FoundFile, HeldRecord } from './held-record.ts'
import type { WantedFile } from './wanted-file.ts'
import type { Manifest } from '../model/manifest.ts'

/**
 * Whether these bytes of a file are the block with this index: its digest, computed over the bytes or their leaf
 * node.
 */
export type CheckBlock = (block: number, bytes: Uint8Array) => Promise<boolean>

export interface ExistingParts {
  readonly manifest: Manifest
  readonly check: CheckBlock
  readonly record: HeldRecord | undefined
  /** Reads from the final file while `wanted.final` is there, else from the part file. */
  readonly read: (wanted: WantedFile, from: 'final' | 'part', offset: number, length: number) => Promise<Uint8Array>
  /** Called with the bytes looked at so far, and those of them that were good. */
  readonly onBytes: (bytes: number, goodBytes: number) => void
  readonly signal: AbortSignal | undefined
}

/**
 * Which slots of the model lie verified in the target's files, found by the record where it is believed, else by
 * hashing.
 */
export class ExistingBlocks {
  /** One bit a slot. */
  readonly good: Bitfield
  readonly #parts: ExistingParts
  readonly #recorded: Map<string, HeldRecord['files'][number]>
  /** Slots counted as good: each once, also where a forced pull moves it to another file. */
  readonly #counted: Bitfield
  #bytes = 0
  #goodBytes = 0

  constructor (parts: ExistingParts) {
    this.#parts = parts
    this.good = new Bitfield(parts.manifest.slotCount)
    this.#counted = new Bitfield(parts.manifest.slotCount)
    this.#recorded = new Map(parts.record?.files.map(file => [file.path, file]))
  }

  /** Marks the good slots of a file under its final name; true when it is the model's file, byte for byte. */
  async checkFinal (wanted: WantedFile, stopAtFirstBad: boolean): Promise<boolean> {
    const final = wanted.final
    if (final === undefined) return false
    const rightSize = final.identity.sizeBytes === wanted.file.sizeBytes
    if (!rightSize && stopAtFirstBad) return false
    const believed = rightSize && this.#isBelieved(wanted, { complete: true, identity: final.identity })
    return await this.#check(wanted, { from: 'final', believed, stopAtFirstBad, sizeBytes: final.identity.sizeBytes }) && rightSize
  }

  /**
   * Marks the good slots of a part file. Blocks that a believed record does not name are not looked for: see
   * HeldRecord.
   */
  async checkPart (wanted: WantedFile): Promise<void> {
    const identity = wanted.part
    if (identity === undefined) return
    // We make them at full size: one of another size somebody else has cut, whatever was recorded of it.
    const isWhole = identity.sizeBytes === wanted.file.sizeBytes
    const believed = isWhole && this.#isBelieved(wanted, { complete: false, identity })
    await this.#check(wanted, { from: 'part', believed, stopAtFirstBad: false, sizeBytes: identity.sizeBytes })
  }

  #isBelieved (wanted: WantedFile, found: FoundFile): boolean {
    const recorded = this.#recorded.get(wanted.file.path)
    const record = this.#parts.record
    return recorded !== undefined && record !== undefined && isBelieved(recorded, found, record.recordedAtMs)
  }

  async #check (wanted: WantedFile, how: CheckHow): Promise<boolean> {
    const { manifest, record, signal } = this.#parts
    const end = wanted.file.firstSlot + wanted.file.slotCount
    let next = wanted.file.firstSlot
    let allGood = true
    const work = async (): Promise<void> => {
      while (next < end && (allGood || !how.stopAtFirstBad)) {
        signal?.throwIfAborted()
        const slot = next++
        const block = manifest.blockOfSlot(slot)
        const trusted = how.believed && record?.trusted.has(block) === true
        const hopeless = how.believed && how.from === 'part' && record?.held.has(block) !== true
        const good = trusted || (!hopeless && (this.good.has(slot) || await this.#checkSlot(wanted, slot, how)))
        if (good) this.good.add(slot)
        else allGood = false
        const sizeBytes = manifest.sizeBytes(block)
        this.#bytes += sizeBytes
        if (good && this.#counted.add(slot)) this.#goodBytes += sizeBytes
        this.#parts.onBytes(this.#bytes, this.#goodBytes)
      }
    }
    try {
      await Promise.all(Array.from({ length: PARALLEL_CHECKS }, work))
    } finally {
      // One worker has failed: the others stop at their next slot.
      next = end
    }
    return allGood
  }

  async #checkSlot (wanted: WantedFile, slot: number, how: CheckHow): Promise<boolean> {
    const { manifest, check, read } = this.#parts
    const block = manifest.blockOfSlot(slot)
    const offset = manifest.offsetOfSlot(slot)
    const length = manifest.sizeBytes(block)
    if (offset + length > how.sizeBytes) return false
    return await check(block, await read(wanted, how.from, offset, length))
  }
}

interface CheckHow {
  from: 'final' | 'part'
  believed: boolean
  stopAtFirstBad: boolean
  sizeBytes: number
}

/** The error for files that must not be replaced without being told to. */
export function targetDiffers (dir: string, wanted: readonly WantedFile[]): ModelswarmError {
  const names = wanted.slice(0, 5).map(({ file }) => file.path).join(', ')
  const more = wanted.length > 5 ? ` and ${wanted.length - 5} more` : ''
  return new ModelswarmError('ERR_TARGET_DIFFERS',
    `Cannot pull into ${dir}: files of the model are there with other bytes: ${names}${more}; pull elsewhere, or replace them with --force`,
    { path: dir })
}
