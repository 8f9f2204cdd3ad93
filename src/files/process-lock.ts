import { link, open, readFile, readlink, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { systemCode } from '../errors.ts'
import { LOCK_HEARTBEAT_MS, LOCK_STALE_MS } from '../machine-defaults.ts'
import { bootId, readIfThere, sameBoot } from './boot-id.ts'
import { onDisk, unlessAbsent } from './disk-error.ts'

// A lock is a file that names its holder: process id, when that process started, and the world the id is valid in
// (host, boot, process namespace). It is made complete and by link(2), so nobody ever sees half of one.
//
//   absent --link--> held --release--> absent
//   held, holder dead --guard file--> removed --link--> held          (the guard: one process takes over at a time)
//
// Holder in our world: dead when no process has its id and start time. In another world (container, network disk) ids
// mean nothing: there the holder touches the file every LOCK_HEARTBEAT_MS, and is dead when it has not for
// LOCK_STALE_MS.

/** Rounds of finding the lock gone just as we look; each needs another process to come and go in between. */
const ATTEMPTS = 5

export interface ProcessLock {
  /** Gives the lock back. Twice is fine. */
  release: () => Promise<void>
}

/** Who holds a lock that could not be taken. */
export interface LockHolder {
  readonly pid: number
  readonly host: string
}

interface Holder extends LockHolder {
  readonly start: string | undefined
  readonly boot: string
  readonly namespace: string | undefined
}

/**
 * Takes the lock at `path` for this process, or says who has it. One process excludes itself too. A lock left by a
 * process that was killed is taken over. The folder of `path` must exist.
 *
 * @throws ModelswarmError ERR_PATH_PERMISSION, ERR_NO_SPACE or ERR_DISK when the file cannot be made
 */
export async function takeLock (path: string): Promise<{ lock: ProcessLock } | { busy: LockHolder }> {
  return await onDisk('take the lock', path, async () => {
    const ours = await ourHolder()
    for (let attempt = 0; ; attempt++) {
      if (await create(path, ours)) return { lock: await hold(path) }
      const theirs = await readHolder(path)
      if (theirs !== undefined && (attempt >= ATTEMPTS || await isAlive(theirs, path))) return { busy: theirs }
      if (theirs === undefined && attempt >= ATTEMPTS) return { busy: { pid: 0, host: 'unknown' } }
      if (theirs !== undefined) await removeDead(path, ours)
    }
  })
}

/**
 * The living process that has the lock at `path`; undefined when nobody has.
 *
 * @throws ModelswarmError ERR_PATH_PERMISSION, ERR_DISK
 */
export async function lockHolder (path: string): Promise<LockHolder | undefined> {
  return await onDisk('look at the lock', path, async () => {
    const holder = await readHolder(path)
    return holder !== undefined && await isAlive(holder, path) ? holder : undefined
  })
}

/** Removes a dead holder's lock under a guard, so that two who found it dead cannot remove the winner's new lock. */
async function removeDead (path: string, ours: Holder): Promise<void> {
  const guard = `${path}-takeover`
  if (!await create(guard, ours)) {
    // Killed in the few instructions between making and removing the guard: the next round finds it gone.
    const theirs = await readHolder(guard)
    if (theirs !== undefined && !await isAlive(theirs, guard)) await rm(guard, { force: true })
    return
  }
  try {
    const theirs = await readHolder(path)
    if (theirs !== undefined && !await isAlive(theirs, path)) await rm(path, { force: true })
  } finally {
    await rm(guard, { force: true })
  }
}

let serial = 0

/** Makes a file with the holder in it, or returns false when there is one already. */
async function create (path: string, holder: Holder): Promise<boolean> {
  const draft = `${path}-${process.pid}-${Date.now().toString(36)}-${serial++}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(JSON.stringify(holder))
    await file.close()
    await link(draft, path)
    return true
  } catch (err) {
    await file.close()
    if (systemCode(err) === 'EEXIST') return false
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(systemCode(err) ?? '')) throw err
    return await createWithoutLink(path, holder)
  } finally {
    await rm(draft, { force: true })
  }
}

/** For file systems without hard links (FAT, some network shares): a reader may see the file empty for a moment. */
async function createWithoutLink (path: string, holder: Holder): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600)
    await file.writeFile(JSON.stringify(holder)).finally(async () => { await file.close() })
    return true
  } catch (err) {
    if (systemCode(err) === 'EEXIST') return false
    throw err
  }
}

async function hold (path: string): Promise<ProcessLock> {
  const made = await stat(path, { bigint: true })
  const heartbeat = setInterval(() => {
    // A heartbeat that cannot be written (disk gone, folder removed) changes nothing for us; others may take over.
    utimes(path, new Date(), new Date()).catch(() => {})
  }, LOCK_HEARTBEAT_MS)
  heartbeat.unref()
  let released: Promise<void> | undefined
  const release = async (): Promise<void> => {
    clearInterval(heartbeat)
    // Only our own file: somebody may have removed the folder, and another process made its own lock there.
    const now = await unlessAbsent(async () => await stat(path, { bigint: true }))
    if (now?.ino === made.ino) await rm(path, { force: true })
  }
  return { release: async () => { await (released ??= onDisk('release the lock', path, release)) } }
}

async function readHolder (path: string): Promise<Holder | undefined> {
  const text = await unlessAbsent(async () => await readFile(path, 'utf8'))
  if (text === undefined) return undefined
  const unknown: Holder = { pid: 0, host: 'unknown', start: undefined, boot: 'unknown', namespace: undefined }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('pid' in value) || typeof value.pid !== 'number') return unknown
    const field = (name: string): string | undefined => {
      const found: unknown = Object.getOwnPropertyDescriptor(value, name)?.value
      return typeof found === 'string' ? found : undefined
    }
    return {
      pid: value.pid,
      host: field('host') ?? 'unknown',
      start: field('start'),
      boot: field('boot') ?? 'unknown',
      namespace: field('namespace')
    }
  } catch (err) {
    if (err instanceof SyntaxError) return unknown
    throw err
  }
}

async function isAlive (holder: Holder, path: string): Promise<boolean> {
  const ours = await ourHolder()
  if (holder.host === ours.host && holder.namespace === ours.namespace && sameBoot(holder.boot, ours.boot)) {
    return processExists(holder.pid) && (holder.start === undefined || startOf(holder.pid) === holder.start)
  }
  const found = await unlessAbsent(async () => await stat(path))
  return found !== undefined && Math.abs(Date.now() - found.mtimeMs) < LOCK_STALE_MS
}

async function ourHolder (): Promise<Holder> {
  const { pid } = process
  return { pid, host: hostname(), start: startOf(pid), boot: bootId(), namespace: await namespace() }
}

async function namespace (): Promise<string | undefined> {
  try {
    return await readlink('/proc/self/ns/pid')
  } catch (err) {
    if (['ENOENT', 'EACCES', 'EPERM', 'EINVAL'].includes(systemCode(err) ?? '')) return undefined
    throw err
  }
}

function processExists (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return pid > 0 && !isZombie(pid)
  } catch (err) {
    return systemCode(err) === 'EPERM'
  }
}

/** True for a process that has ended and is only not waited for yet. */
function isZombie (pid: number): boolean {
  const state = statOf(pid)?.[0]
  return state === 'Z' || state === 'X'
}

/** When a process started, in clock ticks since boot: field 22 of /proc/PID/stat (proc(5)); undefined without /proc. */
function startOf (pid: number): string | undefined {
  return statOf(pid)?.[19]
}

/** The fields of /proc/PID/stat from the third on, which is the state. */
function statOf (pid: number): string[] | undefined {
  const text = readIfThere(`/proc/${pid}/stat`)
  // Field 2 is the command in parentheses and may hold spaces and parentheses itself: count from the last one.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}
