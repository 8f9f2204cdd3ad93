// What a process has taken from the operating system, counted from inside it.
import { createHook } from 'node:async_hooks'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Counts; on a system without /proc those of files, sockets and maps are 0. */
export interface Resources {
  /** Descriptors open, whatever of. */
  readonly files: number
  readonly sockets: number
  /** Files mapped into memory that belong to a state folder. */
  readonly maps: number
  readonly threads: number
  /** Timers that have not fired, those that keep no process alive included. */
  readonly timers: number
  /** What keeps the process alive: process.getActiveResourcesInfo(), timers apart. */
  readonly handles: number
  /** Of JavaScript, buffers included, once garbage is collected. */
  readonly heapMib: number
  readonly residentMib: number
}

const MIB = 1024 * 1024
const timers = new Set<number>()
// getActiveResourcesInfo() knows only of timers that keep the process alive; ours and libp2p's do not.
createHook({
  init: (id, type) => { if (type === 'Timeout') timers.add(id) },
  destroy: id => { timers.delete(id) }
}).enable()

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** Counts everything now. `dir`: the folder that state folders lie in. */
export function countResources (dir: string): Resources {
  collectGarbage()
  const { heapUsed, external, rss } = process.memoryUsage()
  const links = ifThere(() => readdirSync('/proc/self/fd').map(linkOf)) ?? []
  const active = process.getActiveResourcesInfo().filter(kind => !/^(Timeout|Immediate|FSReq)/.test(kind))
  return {
    files: links.length,
    sockets: links.filter(link => link.startsWith('socket:')).length,
    maps: ifThere(() => readFileSync('/proc/self/maps', 'utf8').split('\n').filter(line => line.includes(dir)).length) ?? 0,
    threads: ifThere(() => readdirSync('/proc/self/task').length) ?? 0,
    timers: timers.size,
    handles: active.length,
    heapMib: (heapUsed + external) / MIB,
    residentMib: rss / MIB
  }
}

function linkOf (descriptor: string): string {
  // The descriptor that lists the folder is closed by now.
  return ifThere(() => readlinkSync(`/proc/self/fd/${descriptor}`)) ?? ''
}

function ifThere<T> (read: () => T): T | undefined {
  try {
    return read()
  } catch (err) {
    if (err instanceof Error && 'code' in err && (err.code === 'ENOENT' || err.code === 'ENOTDIR')) return undefined
    throw err
  }
}
