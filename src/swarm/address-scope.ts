import { ipOf } from './ip-address.ts'
import type { IpAddress } from './ip-address.ts'

/** Where an address can be reached from. */
export type AddressScope = 'loopback' | 'linkLocal' | 'private' | 'public'

/**
 * The scope of a multiaddr text, by its first IP address; names (dns…) count as public.
 * Ranges: RFC 1122 (127/8), RFC 3927 (169.254/16), RFC 1918 and RFC 6598 (private), RFC 4291 and RFC 4193 (IPv6).
 */
export function scopeOf (addr: string): AddressScope {
  const ip = ipOf(addr)
  if (ip !== undefined) return ip.family === 4 ? scopeOfIp4(ip.octets) : scopeOfIp6(ip.groups)
  return /^\/dns[^/]*\/localhost(\/|$)/i.test(addr) ? 'loopback' : 'public'
}

function scopeOfIp4 ([a = 0, b = 0]: readonly number[]): AddressScope {
  if (a === 127 || a === 0) return 'loopback'
  if (a === 169 && b === 254) return 'linkLocal'
  if (a === 10 || (a === 192 && b === 168) || (a === 172 && b >= 16 && b < 32) || (a === 100 && b >= 64 && b < 128)) {
    return 'private'
  }
  return 'public'
}

function scopeOfIp6 (groups: readonly number[]): AddressScope {
  const [first = 0] = groups
  if (groups.slice(0, 7).every(group => group === 0) && (groups[7] ?? 0) <= 1) return 'loopback'
  if ((first & 0xffc0) === 0xfe80) return 'linkLocal'
  if ((first & 0xfe00) === 0xfc00) return 'private'
  return 'public'
}

/**
 * Whether a peer reached at `from` can make use of `addr`: loopback addresses only on this very machine, private ones
 * only within the same private range, so that nothing about our networks leaks to strangers.
 */
export function isUsableFrom (addr: string, from: string): boolean {
  const scope = scopeOf(addr)
  if (scope === 'public') return true
  const theirs = scopeOf(from)
  if (theirs === 'loopback') return true
  if (scope === 'loopback') return false
  return theirs === scope && rangeOf(ipOf(addr)) === rangeOf(ipOf(from))
}

/** The range that a private or link-local address is in: 10/8, 172.16/12, 192.168/16, 100.64/10; a /48 of IPv6. */
function rangeOf (ip: IpAddress | undefined): string {
  if (ip?.family === 6) return ip.groups.slice(0, 3).join(':')
  return String(ip?.octets[0])
}
