import { isModelswarmError } from '../errors.ts'
import { readMemory } from '../memory.ts'
import { BlockFinder } from '../model/block-finder.ts'
import { isBlock } from '../model/verify.ts'
import { readCopy } from '../serve.ts'
import { begunFiles } from './begun.ts'
import type { BegunFile } from './begun.ts'
import type { PullRecord } from './record.ts'
import type { PullStats } from './stats.ts'
import type { PullWatch } from './watch.ts'
import type { ModelswarmError } from '../errors.ts'
import type { Target } from '../files/target-port.ts'
import type { Manifest } from '../model/manifest.ts'
import type { ServeParts } from '../serve.ts'
import type { Swarm } from '../swarm/swarm.ts'

//   indexed files (published, pulled)                    each missing block > places > read > verify > write
//   files begun by other pulls, of any root, as they     each block held there and missing here > read > verify > write
//   were recorded when this pull starts

export interface CopyParts extends ServeParts {
  swarm: Pick<Swarm, 'announce'>
  stats: Pick<PullStats, 'from'>
  record: Pick<PullRecord, 'onStored'>
  watch: Pick<PullWatch, 'alive'>
  note: (message: string) => void
  signal: AbortSignal | undefined
}

interface Copying extends CopyParts {
  readonly target: CopyTarget
  readonly manifest: Manifest
  readonly onFailed: (err: ModelswarmError) => void
}

export type CopyTarget = Pick<Target, 'dir' | 'wanted' | 'held' | 'write' | 'fileBytes'>

/**
 * Blocks that lie on this machine when a pull begins are copied, not fetched: from any indexed file, and from what
 * other pulls that have not ended had recorded by then. What those get later comes from them as peers. A disk that
 * fails there is told in a note; a file that is gone or has other bytes is no matter.
 */
export async function copyLocal (target: CopyTarget, manifest: Manifest, parts: CopyParts): Promise<void> {
  const copying = { ...parts, target, manifest, onFailed: noteOnce(parts.note) }
  // A fresh machine starts without looking at each block.
  if (!parts.store.places.isEmpty) await copyIndexed(copying)
  await copyBegun(copying)
}

async function copyIndexed (copying: Copying): Promise<void> {
  const { target, manifest, signal } = copying
  for (const block of target.wanted.indexes()) {
    if (target.held.has(block)) continue
    signal?.throwIfAborted()
    const isGood = async (bytes: Uint8Array): Promise<boolean> => await isBlock(manifest, block, bytes, copying)
    const bytes = await readCopy(manifest, block, { ...copying, isGood })
    if (bytes !== undefined) await keep(block, bytes, copying)
  }
}

async function copyBegun (copying: Copying): Promise<void> {
  const { target, manifest, readers } = copying
  let finder: BlockFinder | undefined
  for await (const begun of begunFiles(manifest, target.dir, copying)) {
    if (target.held.count === target.wanted.count) return
    const find = begun.manifest === manifest
      ? (block: number): number => block
      : (block: number): number | undefined => (finder ??= new BlockFinder(manifest)).find(begun.manifest.digest(block))
    try {
      await copyFile(begun, find, copying)
    } finally {
      // Whose file it is may want to remove it.
      readers.drop(begun.absolute)
    }
  }
}

async function copyFile (
  begun: BegunFile, find: (block: number) => number | undefined, copying: Copying
): Promise<void> {
  const { target, manifest, watch, signal } = copying
  const { file } = begun
  for (let slot = file.firstSlot; slot < file.firstSlot + file.slotCount; slot++) {
    const theirs = begun.manifest.blockOfSlot(slot)
    const block = begun.held.has(theirs) ? find(theirs) : undefined
    if (block === undefined || !target.wanted.has(block) || target.held.has(block)) continue
    const sizeBytes = manifest.sizeBytes(block)
    if (begun.manifest.sizeBytes(theirs) !== sizeBytes) continue
    signal?.throwIfAborted()
    const bytes = await readBegun(begun, { offset: begun.manifest.offsetOfSlot(slot), sizeBytes }, copying)
    if (bytes === 'gone') return
    if (bytes === undefined) continue
    // Hashing what turns out wrong is work, too, and nobody is waited for.
    watch.alive()
    if (await isBlock(manifest, block, bytes, copying)) await keep(block, bytes, copying)
    else readMemory.giveBack(bytes)
  }
}

/** Undefined when the disk fails, which may give the next block; 'gone' when the file is not the one begun any more. */
async function readBegun (
  { absolute, inode }: BegunFile, at: { offset: number, sizeBytes: number }, { readers, onFailed }: Copying
): Promise<Uint8Array | 'gone' | undefined> {
  try {
    return await readers.read(absolute, at.offset, at.sizeBytes, { inode })
  } catch (err) {
    if (!isModelswarmError(err) || err.code === 'ERR_STOPPED') throw err
    onFailed(err)
    return err.code === 'ERR_DISK' ? undefined : 'gone'
  }
}

async function keep (block: number, bytes: Uint8Array, copying: Copying): Promise<void> {
  const { target, stats, record, watch, swarm } = copying
  const { byteLength } = bytes
  const isNew = await target.write(block, bytes)
  readMemory.giveBack(bytes)
  if (!isNew) return
  stats.from.local += target.fileBytes(block)
  watch.alive()
  swarm.announce(block)
  record.onStored(byteLength)
}

/** A note for each file whose disk fails; what else a file is not or has not is found by every pull in its course. */
function noteOnce (note: (message: string) => void): (err: ModelswarmError) => void {
  const failing = new Set<string>()
  return err => {
    const { path } = err.details
    if (err.code !== 'ERR_DISK' || path === undefined || failing.has(path)) return
    failing.add(path)
    note(`${err.message}; its blocks are fetched from peers instead`)
  }
}
