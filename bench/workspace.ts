import { constants } from 'node:fs'
import { access, mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeModel } from '../examples/make-model.ts'
import { GIB, SkippedError } from './bench.ts'

export interface MadeModel {
  readonly path: string
  readonly bytes: number
}

/** Left free on a file system beside what a bench takes. */
const SPARE_BYTES = GIB
const RAM_DIR = '/dev/shm'

/** Folders of one run of the bench, all removed by `remove`: in memory where there is such a place, and on disk. */
export class Workspace {
  readonly #folders: string[] = []
  readonly #models = new Map<number, Promise<MadeModel>>()
  readonly #note: (text: string) => void

  constructor (note: (text: string) => void) {
    this.#note = note
  }

  /**
   * A new folder in memory (/dev/shm), or in the system's temporary folder where there is none.
   *
   * @throws SkippedError when there is no room for so many bytes
   */
  async ramFolder (bytes: number): Promise<string> {
    return await this.#folder(await isWritable(RAM_DIR) ? RAM_DIR : tmpdir(), bytes)
  }

  /** A new folder in the system's temporary folder. @throws SkippedError when there is no room for so many bytes */
  async diskFolder (bytes: number): Promise<string> {
    return await this.#folder(tmpdir(), bytes)
  }

  /** A model in safetensors of about so many bytes, in memory; made once. */
  async model (sizeBytes: number): Promise<MadeModel> {
    const known = this.#models.get(sizeBytes) ?? this.#make(sizeBytes)
    this.#models.set(sizeBytes, known)
    return await known
  }

  /** Removes a folder before the end. */
  async drop (folder: string): Promise<void> {
    await rm(folder, { recursive: true, force: true })
  }

  async remove (): Promise<void> {
    for (const folder of this.#folders) await this.drop(folder)
  }

  async #make (sizeBytes: number): Promise<MadeModel> {
    const path = join(await this.ramFolder(sizeBytes), 'model')
    this.#note('making a model')
    const { bytes } = await makeModel(path, { sizeBytes })
    return { path, bytes }
  }

  async #folder (parent: string, bytes: number): Promise<string> {
    const { bavail, bsize } = await statfs(parent)
    const free = bavail * bsize
    if (free < bytes + SPARE_BYTES) {
      const gib = (count: number): string => (count / GIB).toFixed(1)
      throw new SkippedError(`needs ${gib(bytes + SPARE_BYTES)} GiB free in ${parent}, there are ${gib(free)}`)
    }
    const folder = await mkdtemp(join(parent, 'modelswarm-bench-'))
    this.#folders.push(folder)
    return folder
  }
}

async function isWritable (dir: string): Promise<boolean> {
  try {
    await access(dir, constants.W_OK)
    return true
  } catch {
    // ENOENT, EACCES, EROFS: whatever the reason, the temporary folder serves too
    return false
  }
}
