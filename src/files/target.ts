import { realpath, rmdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ModelswarmError, systemCode } from '../errors.ts'
import { checkNames, OWN_NAME } from '../model/safe-name.ts'
import { onDisk } from './disk-error.ts'
import { makeFolders } from './make-folders.ts'
import { PartFiles } from './part-files.ts'
import { lockHolder, takeLock } from './process-lock.ts'
import { FileReaders } from './reader.ts'
import { SafeFolders } from './safe-folders.ts'
import { OpenTarget } from './open-target.ts'
import { checkFolders, lookAtFile } from './wanted-file.ts'
import type { LockHolder, ProcessLock } from './process-lock.ts'
import type { Target } from './open-target.ts'
import type { Manifest } from '../model/manifest.ts'

export interface TargetOptions {
  /** Which files of the model are wanted, by path; empty folders come with those it names too. Default: all. */
  include?: (path: string) => boolean
  /** Replace files whose bytes differ. Default: false. */
  force?: boolean
  signal?: AbortSignal
  /** Part files kept open. Default: 64. */
  maxOpen?: number
}

/**
 * Opens the folder a model is pulled into: makes it, takes its lock, and looks at what lies there, changing nothing
 * else. `close` must be called.
 *
 * @throws ModelswarmError ERR_TARGET_BUSY naming the process; ERR_PATH_KIND when it is no folder or a link in it leads
 *   out; ERR_TARGET_DIFFERS when something stands in the way that is never replaced; ERR_UNSAFE_NAME;
 *   ERR_PATH_PERMISSION, ERR_NO_SPACE, ERR_DISK
 */
export async function openTarget (dir: string, manifest: Manifest, options: TargetOptions = {}): Promise<Target> {
  const { include = () => true, signal } = options
  signal?.throwIfAborted()
  checkNames(manifest)
  const real = await makeFolder(resolve(dir))
  const lock = await lockFolder(real)
  try {
    const folders = new SafeFolders(real)
    const wanted = []
    for (const file of manifest.files) {
      signal?.throwIfAborted()
      if (include(file.path)) wanted.push(await lookAtFile(file, real, folders))
    }
    const emptyFolders = manifest.emptyFolders.filter(path => path !== '' && include(path))
    for (const path of emptyFolders) await checkFolders(path, real, folders)
    return new OpenTarget({
      dir: real,
      manifest,
      wanted,
      emptyFolders,
      folders,
      force: options.force ?? false,
      partFiles: new PartFiles(folders, options.maxOpen),
      readers: new FileReaders(),
      unlock: async () => { await unlockFolder(real, lock) }
    })
  } catch (err) {
    await unlockFolder(real, lock)
    throw err
  }
}

/** The process that writes to a target folder now; undefined when none does. */
export async function targetHolder (dir: string): Promise<LockHolder | undefined> {
  return await lockHolder(lockOf(dir))
}

function lockOf (dir: string): string {
  return join(dir, OWN_NAME, 'lock')
}

async function makeFolder (dir: string): Promise<string> {
  await makeFolders(dir)
  return await onDisk('use as target', dir, async () => await realpath(dir))
}

async function lockFolder (dir: string): Promise<ProcessLock> {
  for (let attempt = 0; ; attempt++) {
    try {
      // A link here would have us write our lock elsewhere: mkdir takes none, and the check refuses one that leads out.
      await new SafeFolders(dir).make(OWN_NAME)
      const taken = await takeLock(lockOf(dir))
      if ('lock' in taken) return taken.lock
      throw new ModelswarmError('ERR_TARGET_BUSY',
        `Cannot pull into ${dir}: process ${taken.busy.pid} is writing to it; wait until it is done or stop it`,
        { path: dir, received: taken.busy.pid })
    } catch (err) {
      // The pull before us has just removed the folder together with its lock.
      if (!(err instanceof ModelswarmError) || err.code !== 'ERR_PATH_NOT_FOUND' || attempt >= 10) throw err
    }
  }
}

async function unlockFolder (dir: string, lock: ProcessLock): Promise<void> {
  await lock.release()
  const own = join(dir, OWN_NAME)
  await onDisk('remove', own, async () => {
    try {
      await rmdir(own)
    } catch (err) {
      // Not empty: the next pull has its lock there already, or it holds something that is not ours to remove.
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY'].includes(systemCode(err) ?? '')) throw err
    }
  })
}
