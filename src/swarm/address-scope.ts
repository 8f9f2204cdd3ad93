/** Where an address can be reached from. */
export type AddressScope = 'loopback' | 'linkLocal' | 'private' | 'public'

/**
 * The scope of a multiaddr text, by its first IP address; names (dns…) count as public.
 * Ranges: RFC 1122 (127/8), RFC 3927 (169.254/16), RFC 1918 and RFC 6598 (private), RFC 4291 and RFC 4193 (IPv6).
 */
export function scopeOf (addr: string): AddressScope {
  const [, family, host = ''] = addr.split('/')
  if (family === 'ip4') return scopeOfIp4(host)
  if (family === 'ip6') {
    const ip = host.toLowerCase()
    if (ip.startsWith('::ffff:') && ip.includes('.')) return scopeOfIp4(ip.slice(7))
    if (ip === '::1' || ip === '::') return 'loopback'
    if (/^fe[89ab]/.test(ip)) return 'linkLocal'
    if (/^f[cd]/.test(ip)) return 'private'
    return 'public'
  }
  if (family?.startsWith('dns') === true && host === 'localhost') return 'loopback'
  return 'public'
}

function scopeOfIp4 (host: string): AddressScope {
  const [a = 0, b = 0] = host.split('.').map(Number)
  if (a === 127 || a === 0) return 'loopback'
  if (a === 169 && b === 254) return 'linkLocal'
  if (a === 10 || (a === 192 && b === 168) || (a === 172 && b >= 16 && b < 32) || (a === 100 && b >= 64 && b < 128)) {
    return 'private'
  }
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
  return theirs === scope && rangeOf(addr) === rangeOf(from)
}

/** The private range an address is in: its first octet (10), first two (172.16, 192.168, …), or /48 for IPv6. */
function rangeOf (addr: string): string {
  const [, family, host = ''] = addr.split('/')
  if (family === 'ip6') return host.split(':').slice(0, 3).join(':')
  const [a, b] = host.split('.')
  return a === '10' ? '10' : a === '172' ? '172' : `${a}.${b}`
}
