import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { ModelswarmError, systemCode } from '../errors.ts'
import { onDisk, unlessAbsent } from './disk-error.ts'

/**
 * Makes a folder and those above it that are missing, one at a time: Node's `recursive` goes round for ever where a
 * folder that is there takes no new one (ENOENT in /proc; Node 20). `mode` is for the folders that are made.
 *
 * @throws ModelswarmError ERR_PATH_KIND when something else stands in the way or no folder can be made there;
 *   ERR_PATH_PERMISSION, ERR_NO_SPACE, ERR_DISK
 */
export async function makeFolders (dir: string, options: { mode?: number } = {}): Promise<void> {
  const absolute = resolve(dir)
  if (await isFolder(absolute)) return
  const parent = dirname(absolute)
  if (parent !== absolute) await makeFolders(parent, options)
  await onDisk('create folder', absolute, async () => {
    try {
      await mkdir(absolute, options)
    } catch (err) {
      if (systemCode(err) === 'ENOENT') throw inTheWay(absolute, `${parent} takes no folder`, err)
      if (systemCode(err) !== 'EEXIST') throw err
      // Somebody else made it since we looked; or a link that leads nowhere has its name.
      if (!await isFolder(absolute)) throw inTheWay(absolute, 'a link to nothing has its name', err)
    }
  })
}

/** False when nothing is there. */
async function isFolder (path: string): Promise<boolean> {
  const found = await onDisk('look at', path, async () => await unlessAbsent(async () => await stat(path)))
  if (found === undefined) return false
  if (!found.isDirectory()) throw inTheWay(path, 'it is no folder')
  return true
}

function inTheWay (path: string, seen: string, cause?: unknown): ModelswarmError {
  return new ModelswarmError('ERR_PATH_KIND', `Cannot create folder ${path}: ${seen}; name another folder`, { cause, path })
}
