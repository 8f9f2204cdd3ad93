import { stat } from 'node:fs/promises'
import { isModelswarmError } from '../errors.ts'
import { onDisk } from './disk-error.ts'
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

/**
 * What must stay the same for a file to be believed unread. The device is left out on purpose: its number changes from
 * boot to boot on network file systems and with hot-plugged disks, and the inode with two times to the nanosecond is
 * enough.
 */
export interface FileIdentity {
  readonly sizeBytes: number
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly inode: bigint
}

/** The identity in what stat gave. */
export function identityOfStats (stats: BigIntStats): FileIdentity {
  return {
    sizeBytes: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    inode: stats.ino
  }
}

/**
 * The identity of a file now, by path (links are followed) or by an open handle.
 *
 * @throws ModelswarmError ERR_PATH_NOT_FOUND, ERR_PATH_PERMISSION or ERR_DISK
 */
export async function identityOf (file: string | FileHandle): Promise<FileIdentity> {
  if (typeof file === 'string') {
    return identityOfStats(await onDisk('look at', file, async () => await stat(file, { bigint: true })))
  }
  return identityOfStats(await onDisk('look at', 'an open file', async () => await file.stat({ bigint: true })))
}

export function sameIdentity (a: FileIdentity, b: FileIdentity): boolean {
  return a.inode === b.inode && a.sizeBytes === b.sizeBytes && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs
}

/** An identity that no file has: of a file whose bytes were found to be others than the model's. */
export const NO_FILE: FileIdentity = { sizeBytes: 0, mtimeNs: -1n, ctimeNs: -1n, inode: 0n }

/**
 * True when the file at a path is still the one expected; nothing is read. False when it is gone, or behind something
 * that is not ours to enter.
 *
 * @throws ModelswarmError ERR_DISK when the disk fails to say
 */
export async function isStill (path: string, expected: FileIdentity): Promise<boolean> {
  try {
    return sameIdentity(await identityOf(path), expected)
  } catch (err) {
    if (isModelswarmError(err, 'ERR_PATH_NOT_FOUND', 'ERR_PATH_PERMISSION', 'ERR_PATH_KIND')) return false
    throw err
  }
}
