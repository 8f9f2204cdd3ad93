import { join } from 'node:path'
import { isModelswarmError } from '../errors.ts'
import { PART_SUFFIX } from '../model/safe-name.ts'
import { identityOf } from './file-identity.ts'
import type { HeldFile } from './held-record.ts'

/**
 * Where a file that a pull has begun lies now: as the part file, or under the final name that it got since. Undefined
 * when it is gone or another has its name. Nothing is read: what is in it may have changed.
 *
 * @throws ModelswarmError ERR_DISK when the disk fails to say
 */
export async function whereBegun (target: string, { path, identity }: Omit<HeldFile, 'complete'>): Promise<string | undefined> {
  const final = join(target, path)
  for (const name of [final + PART_SUFFIX, final]) {
    try {
      if ((await identityOf(name)).inode === identity.inode) return name
    } catch (err) {
      if (!isModelswarmError(err, 'ERR_PATH_NOT_FOUND', 'ERR_PATH_PERMISSION', 'ERR_PATH_KIND')) throw err
    }
  }
  return undefined
}
