import { CID } from 'multiformats/cid'
import { isModelswarmError } from '../errors.ts'
import { whereBegun } from '../files/begun-file.ts'
import { knownManifest } from '../serve.ts'
import type { ModelswarmError } from '../errors.ts'
import type { Bitfield } from '../model/bitfield.ts'
import type { Manifest, ManifestFile } from '../model/manifest.ts'
import type { ServeParts } from '../serve.ts'

export interface BegunParts extends Pick<ServeParts, 'store' | 'hash'> {
  /** Told why the files of a pull could not be looked at. */
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
  const others = [...parts.store.held.list()].filter(({ root, target }) => root !== ours || target !== dir)
  others.sort((a, b) => Number(b.root === ours) - Number(a.root === ours))
  for (const other of others) {
    try {
      yield * await filesOf(other, other.root === ours ? manifest : undefined, parts)
    } catch (err) {
      // What is wrong with the record or the tree of another pull is for that one to say, not a reason to end this one.
      if (!isModelswarmError(err) || err.code === 'ERR_STOPPED') throw err
      parts.onFailed(err)
    }
  }
}

async function filesOf (
  { root, target, blockCount }: { root: string, target: string, blockCount: number },
  known: Manifest | undefined,
  parts: BegunParts
): Promise<BegunFile[]> {
  const { held, models } = parts.store
  const record = held.load(root, target, blockCount)
  if (record === undefined || record.held.count === 0) return []
  const ended = models.get(root).filter(model => model.path === target)
  const indexed = new Set(ended.flatMap(model => model.files.map(file => file.path)))
  const there = []
  for (const one of record.files) {
    if (one.complete && indexed.has(one.path)) continue
    const absolute = await whereBegun(target, one)
    if (absolute !== undefined) there.push({ path: one.path, absolute, inode: one.identity.inode })
  }
  // A tree of a million blocks takes a second to read: not for files that are gone.
  if (there.length === 0) return []
  const manifest = known ?? await knownManifest(CID.parse(root), parts)
  if (manifest?.blockCount !== blockCount) return []
  const files = new Map(manifest.files.map(file => [file.path, file]))
  return there.flatMap(({ path, absolute, inode }) => {
    const file = files.get(path)
    return file === undefined ? [] : [{ manifest, file, held: record.held, absolute, inode }]
  })
}
