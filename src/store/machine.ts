import { createHash } from 'node:crypto'
import { hostname, networkInterfaces } from 'node:os'
import { readIfThere } from '../files/boot-id.ts'
import { REMEMBERED_HARDWARE } from '../machine-defaults.ts'
import { hardwareSeen, isLocallyAdministered } from './hardware.ts'

/** What tells one machine from another, in hashes; nobody can read a MAC address out of a state folder. */
export interface Machine {
  /** Stays from boot to boot, and goes along with a copied disk: of machine-id(5), else of host name and first MAC. */
  readonly id: string
  /** Of the pieces of hardware that are seen; none in many containers. */
  readonly hardware: readonly string[]
}

/** The machine that this process runs on. */
export function thisMachine (): Machine {
  const id = readIfThere('/etc/machine-id') ?? readIfThere('/var/lib/dbus/machine-id') ?? `${hostname()} ${firstMac()}`
  return { id: hashOf(`modelswarm machine ${id}`), hardware: hardwareSeen().map(piece => hashOf(`modelswarm hardware ${id} ${piece}`)) }
}

/**
 * Whether a state folder is still where it was: the id is the same, and of the recorded hardware at least one piece is
 * there. So a dock or another card makes no other machine, a copied disk in another one does. Where no hardware was
 * recorded or none is seen, the id alone decides.
 */
export function isSameMachine (recorded: Machine, seen: Machine): boolean {
  if (recorded.id !== seen.id) return false
  if (recorded.hardware.length === 0 || seen.hardware.length === 0) return true
  return recorded.hardware.some(piece => seen.hardware.includes(piece))
}

/** What to record after `seen`: hardware that is out of sight just now may be all there is the next time. */
export function machineToRecord (recorded: Machine | undefined, seen: Machine): Machine {
  if (recorded === undefined || !isSameMachine(recorded, seen)) return seen
  if (seen.hardware.every(piece => recorded.hardware.includes(piece))) return recorded
  return { id: seen.id, hardware: [...new Set([...seen.hardware, ...recorded.hardware])].slice(0, REMEMBERED_HARDWARE) }
}

/** A line for the id, and one for each piece of hardware. */
export function formatMachine ({ id, hardware }: Machine): string {
  return [id, ...hardware].join('\n')
}

export function parseMachine (text: string): Machine {
  const [id = '', ...hardware] = text.split('\n').map(line => line.trim())
  return { id, hardware: hardware.filter(line => line !== '') }
}

function hashOf (text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** A card's own address where there is one: what the system makes up is another one after the next start. */
function firstMac (): string {
  const macs = Object.entries(networkInterfaces()).sort(([a], [b]) => a < b ? -1 : 1)
    .flatMap(([, addresses]) => addresses ?? []).filter(({ internal }) => !internal)
    .map(({ mac }) => mac).filter(mac => mac !== '00:00:00:00:00:00')
  return macs.find(mac => !isLocallyAdministered(mac)) ?? macs[0] ?? ''
}
