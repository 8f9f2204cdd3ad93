import { lstat } from 'node:fs/promises'
import { ModelswarmError, systemCode } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'

const SEEN: Record<string, { code: ErrorCode, seen: string, advice: string }> = {
  ENOENT: { code: 'ERR_PATH_NOT_FOUND', seen: 'it does not exist', advice: 'check the path' },
  EACCES: { code: 'ERR_PATH_PERMISSION', seen: 'permission denied', advice: 'check its owner and mode' },
  EPERM: { code: 'ERR_PATH_PERMISSION', seen: 'operation not permitted', advice: 'check its owner and mode' },
  EROFS: { code: 'ERR_PATH_PERMISSION', seen: 'the file system is read-only', advice: 'choose another folder' },
  ENOSPC: { code: 'ERR_NO_SPACE', seen: 'no space is left on the disk', advice: 'free some space and try again' },
  EDQUOT: { code: 'ERR_NO_SPACE', seen: 'the disk quota is used up', advice: 'free some space and try again' },
  ENOTDIR: { code: 'ERR_PATH_KIND', seen: 'a part of the path is no folder', advice: 'check the path' },
  EISDIR: { code: 'ERR_PATH_KIND', seen: 'it is a folder', advice: 'check the path' },
  ELOOP: { code: 'ERR_PATH_KIND', seen: 'its links lead in a circle', advice: 'check the path' },
  EIO: { code: 'ERR_DISK', seen: 'the disk failed to read or write (EIO)', advice: 'check the disk' },
  EMFILE: { code: 'ERR_DISK', seen: 'too many files are open', advice: 'raise the limit (ulimit -n)' },
  EFBIG: { code: 'ERR_DISK', seen: 'the file system does not take a file of this size', advice: 'choose another disk' }
}

/**
 * Turns an error of node:fs into ours: `attempted` is what was tried in the infinitive, without the path
 * ("read", "create folder"). An error that is ours already, an abort, or one without a system code comes back as it is.
 * Only ENOENT becomes ERR_PATH_NOT_FOUND; whatever is not known becomes ERR_DISK.
 */
export function diskError (err: unknown, attempted: string, path: string): unknown {
  const system = systemCode(err)
  if (err instanceof ModelswarmError || system === undefined || system === 'ABORT_ERR') return err
  if (!/^E[A-Z0-9]+$/.test(system) || system.startsWith('ERR_')) return err
  const { code, seen, advice } = SEEN[system] ?? { code: 'ERR_DISK' as const, seen: system, advice: 'check the disk' }
  return new ModelswarmError(code, `Cannot ${attempted} ${path}: ${seen}; ${advice}`, { cause: err, path })
}

/** Runs an operation on the disk; what it throws passes through diskError. */
export async function onDisk<T> (attempted: string, path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (err) {
    throw diskError(err, attempted, path)
  }
}

/** Resolves to undefined when there is nothing at the path (ENOENT and nothing else), else to what `act` gives. */
export async function unlessAbsent<T> (act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act()
  } catch (err) {
    if (systemCode(err) === 'ENOENT') return undefined
    throw err
  }
}

/** True when there is nothing at a path, not even a link. */
export async function isAbsent (path: string): Promise<boolean> {
  return await onDisk('look at', path, async () => await unlessAbsent(async () => await lstat(path))) === undefined
}
