import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'
import { systemCode } from '../errors.ts'
import { SAME_BOOT_SECONDS } from '../machine-defaults.ts'

/**
 * What names this run of the machine, from switching on to switching off: Linux's boot id, elsewhere the time it
 * started.
 */
export function bootId (): string {
  const id = readIfThere('/proc/sys/kernel/random/boot_id')
  return id ?? `started:${Math.round(Date.now() / 1000 - uptime())}`
}

/** True when two boot ids name the same run of the machine. */
export function sameBoot (a: string, b: string): boolean {
  if (a === b) return true
  const times = [a, b].map(id => /^started:(\d+)$/.exec(id)?.[1])
  if (times[0] === undefined || times[1] === undefined) return false
  return Math.abs(Number(times[0]) - Number(times[1])) <= SAME_BOOT_SECONDS
}

/** A small text file of the system, trimmed; undefined where the system has none or does not show it. */
export function readIfThere (path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim()
    return text === '' ? undefined : text
  } catch (err) {
    // ESRCH: a process ended while its entry was read. EACCES: /proc mounted with hidepid. ENODEV, EINVAL: a card that
    // is being taken out.
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR', 'EISDIR', 'ENODEV', 'EINVAL'].includes(systemCode(err) ?? '')) return undefined
    throw err
  }
}
