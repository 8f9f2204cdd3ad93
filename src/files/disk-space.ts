import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { ModelswarmError } from '../errors.ts'
import { onDisk, unlessAbsent } from './disk-error.ts'

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** A number of bytes as people write it: 512 bytes, 1.5 GiB. */
export function peopleBytes (bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/**
 * Makes sure that the disk under a folder has room. The folder need not exist yet: the nearest parent that does
 * decides. `spareBytes` are to stay free beyond what is needed.
 *
 * @throws ModelswarmError ERR_NO_SPACE with both numbers; ERR_PATH_PERMISSION or ERR_DISK when the disk cannot be asked
 */
export async function checkSpace (dir: string, neededBytes: number, spareBytes: number = 0): Promise<void> {
  const freeBytes = await freeSpace(dir)
  const missingBytes = neededBytes + spareBytes - freeBytes
  if (missingBytes <= 0) return
  const reserve = spareBytes === 0 ? '' : ` and keep ${peopleBytes(spareBytes)} in reserve`
  throw new ModelswarmError('ERR_NO_SPACE',
    `Cannot write ${peopleBytes(neededBytes)} to ${dir}${reserve}: only ${peopleBytes(freeBytes)} are free; ` +
    `free ${peopleBytes(missingBytes)} or choose another disk`,
    { path: dir, expected: neededBytes + spareBytes, received: freeBytes })
}

/** Bytes that this user may still write under a folder, existing or not yet. */
export async function freeSpace (dir: string): Promise<number> {
  let at = resolve(dir)
  for (;;) {
    const here = at
    const found = await onDisk('ask for the free space of', here, async () => await unlessAbsent(async () => await statfs(here)))
    if (found !== undefined) return found.bavail * found.bsize
    const parent = dirname(at)
    if (parent === at) return 0
    at = parent
  }
}
