import { existsSync, readdirSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { systemCode } from '../errors.ts'
import { readIfThere } from '../files/boot-id.ts'

/** Where the hardware is looked for; tests have a place of their own. */
export interface HardwareOptions {
  /** Default: process.platform. */
  platform?: NodeJS.Platform
  /** Linux's /sys and /proc. */
  sys?: string
  proc?: string
  /** Elsewhere than on Linux. Default: os.networkInterfaces(). */
  interfaces?: ReturnType<typeof networkInterfaces>
}

interface Mac {
  readonly address: string
  /** Made up by software, as for privacy: another one after the next start. */
  readonly isMadeUp: boolean
}

/**
 * What a copied disk leaves behind: MAC addresses of network hardware and the board's UUID, in words. Empty where
 * nothing can be seen, as in many containers.
 */
export function hardwareSeen (options: HardwareOptions = {}): string[] {
  const { platform = process.platform, sys = '/sys', proc = '/proc', interfaces } = options
  if (platform !== 'linux') return wordsOf(globalMacs(interfaces ?? networkInterfaces()))
  // WSL 2 gives its only network card another address at each start: https://github.com/microsoft/WSL/issues/5352
  if (readIfThere(join(proc, 'sys/kernel/osrelease'))?.includes('WSL2') === true) return []
  const steady = linuxMacs(sys).filter(({ isMadeUp }) => !isMadeUp).map(({ address }) => address)
  const global = steady.filter(address => !isLocallyAdministered(address))
  const uuid = readIfThere(join(sys, 'class/dmi/id/product_uuid'))?.toLowerCase()
  return [
    ...wordsOf(global.length > 0 ? global : steady),
    ...uuid === undefined || isPlaceholder(uuid) ? [] : [`board ${uuid}`]
  ]
}

/** True for an address that its owner gave, not the maker of the card: bit 1 of the first byte. */
export function isLocallyAdministered (mac: string): boolean {
  return (parseInt(mac.slice(0, 2), 16) & 2) !== 0
}

function wordsOf (macs: readonly string[]): string[] {
  return [...new Set(macs)].sort().map(mac => `mac ${mac}`)
}

/** Of the cards with a device behind them: no veth, bridge or tunnel. */
function linuxMacs (sys: string): Mac[] {
  const folder = join(sys, 'class/net')
  return namesIn(folder).filter(name => existsSync(join(folder, name, 'device'))).flatMap(name => {
    // A wireless card's own address, whichever it goes by: many systems make one up while they look for networks.
    const own = toMac(readIfThere(join(folder, name, 'phy80211/macaddress')))
    // Without one in its memory its driver makes one up at each start.
    if (own !== undefined && !isLocallyAdministered(own)) return [{ address: own, isMadeUp: false }]
    const address = toMac(readIfThere(join(folder, name, 'address')))
    if (address === undefined) return []
    // 0: burnt in, or given by the hypervisor. What was set is often the burnt-in one put back, which is then global.
    const isBurntIn = (readIfThere(join(folder, name, 'addr_assign_type')) ?? '0') === '0'
    return [{ address, isMadeUp: !isBurntIn && isLocallyAdministered(address) }]
  })
}

/** Elsewhere nothing tells a hypervisor's local addresses from those that macOS makes up at each start. */
function globalMacs (interfaces: ReturnType<typeof networkInterfaces>): string[] {
  return Object.values(interfaces).flatMap(addresses => addresses ?? []).filter(({ internal }) => !internal)
    .flatMap(({ mac }) => toMac(mac) ?? []).filter(mac => !isLocallyAdministered(mac))
}

function toMac (text: string | undefined): string | undefined {
  const mac = text?.toLowerCase() ?? ''
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) && !/^(00:){5}00$|^(ff:){5}ff$/.test(mac) ? mac : undefined
}

const NIL_UUID = '00000000-0000-0000-0000-000000000000'
const SHARED_UUIDS = new Set([
  NIL_UUID, NIL_UUID.replaceAll('0', 'f'), '03000200-0400-0500-0006-000700080009', '12345678-1234-5678-90ab-cddeefaabbcc'
])

/** Boards whose maker gave them no UUID share these, or have words in its place ("Not Settable"). */
function isPlaceholder (uuid: string): boolean {
  return !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid) || SHARED_UUIDS.has(uuid)
}

function namesIn (folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (err) {
    if (['ENOENT', 'EACCES', 'EPERM', 'ENOTDIR'].includes(systemCode(err) ?? '')) return []
    throw err
  }
}
