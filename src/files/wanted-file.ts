import { lstat, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelswarmError } from '../errors.ts'
import { PART_SUFFIX } from '../model/safe-name.ts'
import { onDisk, unlessAbsent } from './disk-error.ts'
import { identityOfStats } from './file-identity.ts'
import { parentOf } from './safe-folders.ts'
import type { FileIdentity } from './file-identity.ts'
import type { SafeFolders } from './safe-folders.ts'
import type { ManifestFile } from '../model/manifest.ts'

/**
 * Where a wanted file stands.
 *
 *   absent --first write--> part --all blocks held--> complete
 *   differs (a file of that name with other bytes) --force--> part
 */
export type FileState = 'absent' | 'part' | 'differs' | 'complete'

/** One file of a model that a pull wants, and what the target has of it. */
export interface WantedFile {
  readonly file: ManifestFile
  /** Its final name. */
  readonly absolute: string
  /** Its name until it is complete. */
  readonly partAbsolute: string
  state: FileState
  /**
   * What lies under the final name at opening. `shared`: a link, or one of several hard links: never written through.
   */
  final: { readonly identity: FileIdentity, readonly shared: boolean } | undefined
  /** The part file as last looked at. */
  part: FileIdentity | undefined
  /** Of the part file since it was first opened here. */
  partInode: bigint | undefined
  /** The part file was made here, empty, so that what was not written of it is zeros. */
  isNew?: boolean
  /** Slots whose block is not held. */
  slotsMissing: number
  /** Writes that have returned, and how many of them are on the disk for sure: fdatasync began after them. */
  writes: number
  writesSynced: number
  /** Written to since `part` was looked at. */
  stale: boolean
}

/**
 * Looks at what the target has of one file, changing nothing. The caller has checked the names.
 *
 * @throws ModelswarmError ERR_PATH_KIND when a link leads out of the target, or the part file's name is taken by
 *   something else; ERR_TARGET_DIFFERS when a folder stands where the file belongs, or a file where its folder does
 */
export async function lookAtFile (file: ManifestFile, dir: string, folders: SafeFolders): Promise<WantedFile> {
  const absolute = join(dir, file.path)
  const partAbsolute = absolute + PART_SUFFIX
  const wanted: WantedFile = {
    file,
    absolute,
    partAbsolute,
    state: 'absent',
    final: undefined,
    part: undefined,
    partInode: undefined,
    slotsMissing: file.slotCount,
    writes: 0,
    writesSynced: 0,
    stale: false
  }
  if (!await checkFolders(parentOf(file.path), dir, folders)) return wanted
  wanted.part = await lookAtPart(partAbsolute)
  wanted.final = await lookAtFinal(absolute)
  if (wanted.part !== undefined) {
    wanted.state = 'part'
    // What a killed pull wrote may still be in memory only.
    wanted.writes = 1
  }
  // A file of the right size is complete or differs; only its bytes can tell, so it counts as differing until they are
  // read.
  if (wanted.final !== undefined) wanted.state = 'differs'
  return wanted
}

/** Checks the folders from the top down to this one; false when one of them, and so everything below, is absent. */
export async function checkFolders (folder: string, dir: string, folders: SafeFolders): Promise<boolean> {
  if (folder === '') return true
  if (!await checkFolders(parentOf(folder), dir, folders)) return false
  const found = await folders.check(folder)
  if (found === 'file') throw inTheWay(join(dir, folder), 'a file stands where the model has a folder')
  return found === 'folder'
}

async function lookAtPart (path: string): Promise<FileIdentity | undefined> {
  const stats = await onDisk('look at', path, async () => await unlessAbsent(async () => await lstat(path, { bigint: true })))
  if (stats === undefined) return undefined
  if (stats.isFile()) return identityOfStats(stats)
  throw new ModelswarmError('ERR_PATH_KIND',
    `Cannot write ${path}: something that is no file has the name of the part file; remove it`, { path })
}

async function lookAtFinal (path: string): Promise<WantedFile['final']> {
  const own = await onDisk('look at', path, async () => await unlessAbsent(async () => await lstat(path, { bigint: true })))
  if (own === undefined) return undefined
  // A link to nothing has no bytes to keep: it differs, and force replaces the link.
  const stats = own.isSymbolicLink()
    ? await onDisk('look at', path, async () => await unlessAbsent(async () => await stat(path, { bigint: true }))) ?? own
    : own
  if (stats.isDirectory()) throw inTheWay(path, 'a folder stands where the model has a file')
  const shared = own.isSymbolicLink() || own.nlink > 1n || !stats.isFile()
  return { identity: identityOfStats(stats), shared }
}

/** The error for something that even force does not replace. */
export function inTheWay (path: string, seen: string): ModelswarmError {
  return new ModelswarmError('ERR_TARGET_DIFFERS', `Cannot write ${path}: ${seen}; move it away or pull elsewhere`, { path })
}
