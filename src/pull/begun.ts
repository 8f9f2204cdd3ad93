import { CID } from 'multiformats/cid'
import { isModelswarmError } from '../errors.ts'
import { whereBegun } from '../files/begun-file.ts'
import { knownManifest } from '../serve.ts'
import type { ModelswarmError } from '../errors.ts'
import type { HeldFile, HeldRecord } from '../files/held-record.ts'
import type { Bitfield } from '../model/bitfield.ts'
import type { Manifest, ManifestFile } from '../model/manifest.ts'
import type { ServeParts } from '../serve.ts'

export interface BegunParts extends Pick<ServeParts, 'store' | 'hash'> {
  /** Told why a file could not be looked at. */
  onFailed: (err: ModelswarmError) => void
}

/** A file of a pull that has not ended: it was broken off, or runs, perhaps in another process that writes to it. */
export interface BegunFile {
  readonly manifest: Manifest
  readonly file: ManifestFile
  /** Blocks of that manifest that the pull recorded. Only their bytes can tell. */
  readonly held: Bitfield
  readonly absolute: string
  readonly inode: bigint
}

/**
 * The files that other pulls of this machine have begun and not indexed: those of the same root first, then those of
 * every root whose tree is here. They are nobody's to write to, and no lock of theirs is taken.
 */
export async function * begunFiles (manifest: Manifest, dir: string, parts: BegunParts): AsyncGenerator<BegunFile> {
  const ours = manifest.root.toString()
  const { held, models } = parts.store
  const others = [...held.list()].filter(({ root, target }) => root !== ours || target !== dir)
  others.sort((a, b) => Number(b.root === ours) - Number(a.root === ours))
  for (const { root, target, blockCount } of others) {
    const record = held.load(root, target, blockCount)
    if (record === undefined || record.held.count === 0) continue
    const ended = models.get(root).filter(model => model.path === target)
    const indexed = new Set(ended.flatMap(model => model.files.map(file => file.path)))
    const begun = await filesThere(target, record, { ...parts, indexed })
    // A tree of a million blocks takes a second to read: not for files that are gone.
    if (begun.length === 0) continue
    const theirs = root === ours ? manifest : await knownManifest(CID.parse(root), parts)
    if (theirs?.blockCount !== blockCount) continue
    const byPath = new Map(theirs.files.map(file => [file.path, file]))
    for (const { path, absolute, inode } of begun) {
      const file = byPath.get(path)
      if (file !== undefined) yield { manifest: theirs, file, held: record.held, absolute, inode }
    }
  }
}

async function filesThere (
  target: string, record: HeldRecord, { indexed, onFailed }: Pick<BegunParts, 'onFailed'> & { indexed: ReadonlySet<string> }
): Promise<Array<{ path: string, absolute: string, inode: bigint }>> {
  const there = []
  for (const one of record.files) {
    if (one.complete && indexed.has(one.path)) continue
    const absolute = await placeOf(target, one, onFailed)
    if (absolute !== undefined) there.push({ path: one.path, absolute, inode: one.identity.inode })
  }
  return there
}

async function placeOf (target: string, one: HeldFile, onFailed: BegunParts['onFailed']): Promise<string | undefined> {
  try {
    return await whereBegun(target, one)
  } catch (err) {
    if (!isModelswarmError(err)) throw err
    onFailed(err)
    return undefined
  }
}
