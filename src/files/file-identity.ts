import { stat } from 'node:fs/promises'
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
