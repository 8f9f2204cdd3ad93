import { MIN_BLOCK_BYTES } from '../model/profile.ts'
import type { ReadRange } from '../formats/tensor-table.ts'
import type { Manifest, ManifestFile } from '../model/manifest.ts'

/** A header that would take more blocks than may be fetched. Stays inside inspect: it is answered with a note. */
export class HeaderTooLarge extends Error {
  override name = 'HeaderTooLarge'
}

export interface HeaderReaderParts {
  /** The bytes of a block; they are not changed. */
  fetch: (block: number) => Promise<Uint8Array>
  /** Bytes of blocks that may be fetched for this file. */
  mostBytes: number
  /** Takes bytes of blocks out of what all files together may fetch; none, and false, when there are not enough. */
  spend: (bytes: number) => boolean
}

/**
 * Reads the beginning of a file block by block: those that a range needs, and of those that it only may have, the ones
 * that ms1 cuts off with the header: as large as the first, and a shorter one behind them. So nothing is fetched beyond
 * the header, but where a region behind it happens to be cut alike; and a header of unknown length comes in few steps.
 *
 * The reader throws HeaderTooLarge, before anything of the range is fetched, and what `fetch` throws.
 */
export function headerReader (manifest: Manifest, file: ManifestFile, parts: HeaderReaderParts): ReadRange {
  const endSlot = file.firstSlot + file.slotCount
  const sizeOf = (slot: number): number => manifest.sizeBytes(manifest.blockOfSlot(slot))
  let leftBytes = parts.mostBytes
  /** Slots before this one have been paid for. */
  let paidTo = file.firstSlot
  /** Pays for slots up to and with `last`, from `first` on where that is not done: for all of them or for none. */
  const pay = (first: number, last: number): boolean => {
    let bytes = 0
    for (let slot = Math.max(first, paidTo); slot <= last; slot++) bytes += sizeOf(slot)
    if (bytes > leftBytes || !parts.spend(bytes)) return false
    leftBytes -= bytes
    paidTo = Math.max(paidTo, last + 1)
    return true
  }
  const isAlike = (slot: number): boolean => {
    const usual = sizeOf(file.firstSlot)
    return usual >= MIN_BLOCK_BYTES && sizeOf(slot) === usual && slot + 1 < endSlot && sizeOf(slot + 1) <= usual
  }
  return async (offset, length, least = length) => {
    const end = Math.min(offset + length, file.sizeBytes)
    if (end <= offset) return new Uint8Array(0)
    const first = slotAt(manifest, file, offset)
    let last = slotAt(manifest, file, Math.min(offset + least, end) - 1)
    if (!pay(first, last)) throw new HeaderTooLarge()
    while (isAlike(last) && manifest.offsetOfSlot(last + 1) < end && pay(last + 1, last + 1)) last++
    const range = new Uint8Array(Math.min(end, manifest.offsetOfSlot(last) + sizeOf(last)) - offset)
    const slots = Array.from({ length: last - first + 1 }, (_, i) => first + i)
    await Promise.all(slots.map(async slot => {
      const from = manifest.offsetOfSlot(slot) - offset
      const bytes = await parts.fetch(manifest.blockOfSlot(slot))
      range.set(bytes.subarray(Math.max(0, -from), range.byteLength - from), Math.max(0, from))
    }))
    return range
  }
}

/** The slot of a file that shows the byte at this offset. */
export function slotAt (manifest: Manifest, file: ManifestFile, offset: number): number {
  let low = file.firstSlot
  let high = file.firstSlot + file.slotCount - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (manifest.offsetOfSlot(middle) <= offset) low = middle
    else high = middle - 1
  }
  return low
}
