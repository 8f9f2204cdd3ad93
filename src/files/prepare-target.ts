import { rename } from 'node:fs/promises'
import { SPARE_DISK_BYTES } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { checkSpace } from './disk-space.ts'
import { onDisk } from './disk-error.ts'
import { ExistingBlocks, targetDiffers } from './existing-blocks.ts'
import { checkFolders } from './wanted-file.ts'
import type { CheckBlock } from './existing-blocks.ts'
import type { HeldRecord } from './held-record.ts'
import type { OpenPartFiles, TargetReaders } from './target-port.ts'
import type { SafeFolders } from './safe-folders.ts'
import type { WantedFile } from './wanted-file.ts'
import type { Bitfield } from '../model/bitfield.ts'
import type { Manifest } from '../model/manifest.ts'

// Before a pull fetches anything, what the target has already is found out, in this order:
//
//   1 files under their final name are read; one that differs ends it here, unless forced       (nothing written yet)
//   2 forced: a file that differs gives its good blocks to the part file and keeps its name until that is whole; if it
//     is one that an earlier pull of this root made here, it becomes the part file: what is damaged is repaired
//   3 part files are read where the record cannot be believed
//   4 a block that is in one place of the model and missing in another is copied there

export interface PrepareParts {
  readonly dir: string
  readonly manifest: Manifest
  readonly wanted: readonly WantedFile[]
  readonly partFiles: OpenPartFiles
  readonly readers: TargetReaders
  readonly force: boolean
  readonly check: CheckBlock
  readonly record: HeldRecord | undefined
  readonly onBytes: (bytes: number, goodBytes: number) => void
  readonly signal: AbortSignal | undefined
}

/**
 * Finds and brings together the good blocks of a target; afterwards no wanted file is in state `differs`.
 *
 * @returns one bit a slot: every slot of a block that is held, and none of one that is not
 * @throws ModelswarmError ERR_TARGET_DIFFERS; ERR_FILE_CHANGED when files change meanwhile; what disks throw
 */
export async function findExisting (parts: PrepareParts): Promise<Bitfield> {
  const { manifest, check, record, onBytes, signal } = parts
  const read = async (wanted: WantedFile, from: 'final' | 'part', offset: number, length: number): Promise<Uint8Array> => {
    return from === 'part' ? await parts.partFiles.read(wanted, offset, length) : await readFinal(parts.readers, wanted, { offset, length })
  }
  const existing = new ExistingBlocks({ manifest, check, record, read, onBytes, signal })
  const differing = new Set<WantedFile>()
  for (const wanted of parts.wanted) {
    if (wanted.final === undefined) continue
    if (await existing.checkFinal(wanted, !parts.force)) wanted.state = 'complete'
    else differing.add(wanted)
  }
  if (differing.size > 0 && !parts.force) throw targetDiffers(parts.dir, [...differing])
  for (const wanted of differing) await takeOver(wanted, existing, parts)
  for (const wanted of parts.wanted) {
    if (wanted.state === 'part' && !differing.has(wanted)) await existing.checkPart(wanted)
  }
  await spread(existing.good, parts)
  return existing.good
}

/** Makes of a file that differs a part file with its good blocks; never writes to it under its final name. */
async function takeOver (wanted: WantedFile, existing: ExistingBlocks, parts: PrepareParts): Promise<void> {
  const final = wanted.final
  if (final === undefined) return
  const isOurs = parts.record?.files.some(({ path, complete }) => complete && path === wanted.file.path) === true
  if (isOurs && !final.shared && wanted.part === undefined) {
    await onDisk('rename', wanted.absolute, async () => { await rename(wanted.absolute, wanted.partAbsolute) })
    wanted.final = undefined
    wanted.state = 'part'
    wanted.stale = true
    wanted.writes++
    return
  }
  const { manifest } = parts
  const goodInFinal = []
  for (let slot = wanted.file.firstSlot; slot < wanted.file.firstSlot + wanted.file.slotCount; slot++) {
    if (existing.good.delete(slot)) goodInFinal.push(slot)
  }
  const goodBytes = goodInFinal.reduce((sum, slot) => sum + manifest.sizeBytes(manifest.blockOfSlot(slot)), 0)
  await checkSpace(parts.dir, goodBytes, SPARE_DISK_BYTES)
  wanted.state = wanted.part === undefined ? 'absent' : 'part'
  await existing.checkPart(wanted)
  for (const slot of goodInFinal) {
    parts.signal?.throwIfAborted()
    if (existing.good.has(slot)) continue
    const offset = manifest.offsetOfSlot(slot)
    const block = manifest.blockOfSlot(slot)
    const bytes = await readFinal(parts.readers, wanted, { offset, length: manifest.sizeBytes(block) })
    await mustBe(block, bytes, wanted, parts.check)
    await parts.partFiles.write(wanted, offset, bytes)
    existing.good.add(slot)
  }
}

/** Copies blocks that are good in one slot to the wanted slots where they are missing. */
async function spread (good: Bitfield, parts: PrepareParts): Promise<void> {
  const { manifest, wanted: all } = parts
  const missing = new Map<number, { wanted: WantedFile, slot: number }[]>()
  if (manifest.slotCount === manifest.blockCount) return
  const have = new Set<number>()
  for (const { block, slot } of repeatedSlots(parts)) if (good.has(slot)) have.add(block)
  for (const { block, slot, wanted } of repeatedSlots(parts)) {
    if (good.has(slot) || !have.has(block)) continue
    missing.set(block, [...missing.get(block) ?? [], { wanted, slot }])
  }
  for (const from of missing.size === 0 ? [] : all) {
    for (let slot = from.file.firstSlot; slot < from.file.firstSlot + from.file.slotCount; slot++) {
      const block = manifest.blockOfSlot(slot)
      const places = good.has(slot) ? missing.get(block) : undefined
      if (places === undefined) continue
      parts.signal?.throwIfAborted()
      const offset = manifest.offsetOfSlot(slot)
      const bytes = from.state === 'complete'
        ? await readFinal(parts.readers, from, { offset, length: manifest.sizeBytes(block) })
        : await parts.partFiles.read(from, offset, manifest.sizeBytes(block))
      await mustBe(block, bytes, from, parts.check)
      for (const place of places) {
        await parts.partFiles.write(place.wanted, manifest.offsetOfSlot(place.slot), bytes)
        good.add(place.slot)
      }
      missing.delete(block)
    }
  }
}

function * repeatedSlots ({ manifest, wanted: all }: PrepareParts): Generator<WantedSlot> {
  const repeated = repeatedBlocks(manifest)
  for (const wanted of all) {
    for (let slot = wanted.file.firstSlot; slot < wanted.file.firstSlot + wanted.file.slotCount; slot++) {
      const block = manifest.blockOfSlot(slot)
      if (repeated.has(block)) yield { block, slot, wanted }
    }
  }
}

interface WantedSlot {
  readonly block: number
  readonly slot: number
  readonly wanted: WantedFile
}

/** Blocks are numbered by first appearance: a slot whose block is not the highest so far repeats an earlier one. */
function repeatedBlocks (manifest: Manifest): Set<number> {
  const repeated = new Set<number>()
  let highest = -1
  for (let slot = 0; slot < manifest.slotCount; slot++) {
    const block = manifest.blockOfSlot(slot)
    if (block > highest) highest = block
    else repeated.add(block)
  }
  return repeated
}

async function mustBe (block: number, bytes: Uint8Array, from: WantedFile, check: CheckBlock): Promise<void> {
  if (await check(block, bytes)) return
  throw new ModelswarmError('ERR_FILE_CHANGED',
    `Cannot take over ${from.absolute}: its bytes changed since they were verified; stop what writes to it and try again`,
    { path: from.absolute })
}

interface Range {
  offset: number
  length: number
}

/** Bytes of a file under its final name, as long as it is the one looked at. */
export async function readFinal (readers: TargetReaders, wanted: WantedFile, range: Range): Promise<Uint8Array> {
  if (wanted.final === undefined) throw new RangeError(`No file at ${wanted.absolute}`)
  return await readers.read(wanted.absolute, range.offset, range.length, wanted.final.identity)
}

/** Makes the empty folders of a model. */
export async function makeEmptyFolders (paths: readonly string[], dir: string, folders: SafeFolders): Promise<void> {
  for (const path of paths) {
    if (!await checkFolders(path, dir, folders)) await folders.make(path)
  }
}
