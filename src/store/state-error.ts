import { ModelswarmError } from '../errors.ts'
import { diskError } from '../files/disk-error.ts'
import { freeSpace } from '../files/disk-space.ts'
import { FULL_DISK_BYTES } from '../machine-defaults.ts'

/** What is moved away when the database is damaged: this peer's keys lie beside it and stay, so links stay good. */
export const DATABASE_ADVICE = 'move its folder "db" away, models stay where they are and can be published or pulled again'

/** The error for a state folder that cannot be read; says what to do. */
export function damaged (dir: string, seen: string, cause?: unknown): ModelswarmError {
  return new ModelswarmError('ERR_STATE_DAMAGED', `Cannot read the state in ${dir}: ${seen}; ${DATABASE_ADVICE}`,
    { path: dir, cause })
}

/** LMDB's own error numbers (lmdb.h, 0.9.90): MDB_KEYEXIST -30799 ... MDB_BAD_DBI -30780. */
const LMDB_DAMAGED = new Set([-30797, -30796, -30795, -30794, -30793])
const LMDB_MAP_FULL = -30792

/** System error numbers of LMDB's errors by their names. */
const SYSTEM: Record<number, string> = {
  1: 'EPERM', 2: 'ENOENT', 5: 'EIO', 13: 'EACCES', 21: 'EISDIR', 28: 'ENOSPC', 30: 'EROFS', 122: 'EDQUOT'
}

/** Met while reading only when pages contradict each other: BAD_TXN, BAD_VALSIZE, PROBLEM. */
const LMDB_CONFUSED = new Set([-30782, -30781, -30779])

/** The error for a number of LMDB's own (-30700 to -30799); undefined for one of the system's. */
function lmdbError (number: number, err: Error, dir: string): ModelswarmError | undefined {
  if (LMDB_DAMAGED.has(number)) return damaged(dir, err.message, err)
  if (number > -30700 || number < -30799) return undefined
  return new ModelswarmError('ERR_DISK',
    `Cannot use the state in ${dir}: its database says ${JSON.stringify(err.message)}; end the processes that use it and try again`,
    { path: dir, cause: err })
}

/** What LMDB threw while reading, as an error of ours; anything else comes back as it is. */
export function readError (err: unknown, dir: string): unknown {
  const number = err instanceof Error && 'code' in err && typeof err.code === 'number' ? err.code : undefined
  if (number === undefined || !(err instanceof Error)) return err
  if (LMDB_CONFUSED.has(number)) return damaged(dir, err.message, err)
  return lmdbError(number, err, dir) ??
    diskError(Object.assign(new Error(err.message, { cause: err }), { code: SYSTEM[number] ?? 'EIO' }), 'use the state in', dir)
}

/** What LMDB threw, as an error of ours; anything else comes back as it is. */
export async function databaseError (thrown: unknown, dir: string): Promise<unknown> {
  const err = await reasonOf(thrown)
  if (!(err instanceof Error) || err instanceof ModelswarmError) return err
  const number = 'code' in err && typeof err.code === 'number' ? err.code : undefined
  if (number === undefined) return diskError(err, 'use the state in', dir)
  const own = number === LMDB_MAP_FULL ? undefined : lmdbError(number, err, dir)
  if (own !== undefined) return own
  const full = number === LMDB_MAP_FULL || (number === 5 && await freeSpace(dir) < FULL_DISK_BYTES)
  const code = full ? 'ENOSPC' : SYSTEM[number] ?? 'EIO'
  const attempted = code === 'ENOSPC' || code === 'EDQUOT' ? 'write the state in' : 'use the state in'
  return diskError(Object.assign(new Error(err.message, { cause: err }), { code }), attempted, dir)
}

/** A failed commit is reported without its reason, which lmdb-js gives in a promise beside it that must not be lost. */
async function reasonOf (err: unknown): Promise<unknown> {
  if (!(err instanceof Error) || !('commitError' in err) || !(err.commitError instanceof Promise)) return err
  try {
    await err.commitError
    return err
  } catch (reason) {
    return reason
  }
}
