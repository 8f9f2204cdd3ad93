import { createHash } from 'node:crypto'
import { hostname, networkInterfaces } from 'node:os'
import { readIfThere } from '../files/boot-id.ts'

/**
 * A hash that differs from machine to machine and stays from boot to boot: of machine-id(5), else of host name and
 * first MAC.
 */
export function machineFingerprint (): string {
  const id = readIfThere('/etc/machine-id') ?? readIfThere('/var/lib/dbus/machine-id') ?? `${hostname()} ${firstMac()}`
  return createHash('sha256').update(`modelswarm machine ${id}`).digest('hex')
}

function firstMac (): string {
  const names = Object.entries(networkInterfaces()).sort(([a], [b]) => a < b ? -1 : 1)
  for (const [, addresses] of names) {
    const found = addresses?.find(({ internal, mac }) => !internal && mac !== '00:00:00:00:00:00')
    if (found !== undefined) return found.mac
  }
  return ''
}
