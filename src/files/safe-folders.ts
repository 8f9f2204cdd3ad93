import { lstat, mkdir, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { ModelswarmError, systemCode } from '../errors.ts'
import { onDisk, unlessAbsent } from './disk-error.ts'

/** Folders inside one target: makes them, and never steps through a link that leads out of the target. */
export class SafeFolders {
  readonly #root: string
  readonly #known = new Map<string, Promise<void>>()

  /** @param root the target, as realpath gives it */
  constructor (root: string) {
    this.#root = root
  }

  /**
   * Checks the folders above a path inside the model, and makes those that are missing.
   *
   * @throws ModelswarmError ERR_PATH_KIND when one of them leads out or is no folder; ERR_PATH_PERMISSION,
   *   ERR_NO_SPACE, ERR_DISK
   */
  async make (folder: string): Promise<void> {
    if (folder === '') return
    let known = this.#known.get(folder)
    if (known === undefined) {
      known = this.#make(folder)
      this.#known.set(folder, known)
      known.catch(() => { this.#known.delete(folder) })
    }
    await known
  }

  async #make (folder: string): Promise<void> {
    await this.make(parentOf(folder))
    if (await this.check(folder) !== 'absent') return
    const absolute = join(this.#root, folder)
    await onDisk('create folder', absolute, async () => {
      try {
        await mkdir(absolute)
      } catch (err) {
        // Somebody else made it since we looked; a file in its place is found when the first file is written there.
        if (systemCode(err) !== 'EEXIST') throw err
      }
    })
  }

  /** Looks at one folder inside the target without making it: absent, there, or a file in its place. */
  async check (folder: string): Promise<'absent' | 'folder' | 'file'> {
    const absolute = join(this.#root, folder)
    const found = await onDisk('look at', absolute, async () => await unlessAbsent(async () => await lstat(absolute)))
    if (found === undefined) return 'absent'
    if (found.isDirectory()) return 'folder'
    if (!found.isSymbolicLink()) return 'file'
    const real = await onDisk('follow the link', absolute, async () => await realpath(absolute))
    if (real !== this.#root && !real.startsWith(this.#root.endsWith(sep) ? this.#root : this.#root + sep)) {
      throw new ModelswarmError('ERR_PATH_KIND',
        `Cannot write below ${absolute}: it is a link that leads out of ${this.#root}, to ${real}; remove the link or pull elsewhere`,
        { path: absolute })
    }
    return (await onDisk('look at', real, async () => await stat(real))).isDirectory() ? 'folder' : 'file'
  }
}

/** The folder part of a path inside a model; '' at the top. */
export function parentOf (path: string): string {
  const at = path.lastIndexOf('/')
  return at < 0 ? '' : path.slice(0, at)
}
