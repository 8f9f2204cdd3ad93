/** An IP address as numbers: four octets, or eight groups of 16 bits. */
export type IpAddress =
  | { readonly family: 4, readonly octets: readonly number[] }
  | { readonly family: 6, readonly groups: readonly number[] }

/**
 * The first IP address of a multiaddr text; undefined when it begins with anything else, as a name. An IPv6 address
 * that stands for an IPv4 address is that one, however it is written: mapped (::ffff:0:0/96, RFC 4291 section 2.5.5.2),
 * or behind a NAT64 (64:ff9b::/96, RFC 6052 section 2.1).
 */
export function ipOf (addr: string): IpAddress | undefined {
  const [, family, host = ''] = addr.replace(/^\/ip6zone\/[^/]*/, '').split('/')
  if (family === 'ip4') return { family: 4, octets: host.split('.').map(Number) }
  if (family !== 'ip6') return undefined
  const groups = groupsOf(host)
  if (groups.length !== 8) return undefined
  const prefix = groups.slice(0, 6).map(group => group.toString(16)).join(':')
  if (prefix !== '0:0:0:0:0:ffff' && prefix !== '64:ff9b:0:0:0:0') return { family: 6, groups }
  return { family: 4, octets: groups.slice(6).flatMap(group => [group >> 8, group & 255]) }
}

/**
 * Who is behind a multiaddr text, as far as an address tells: an IPv4 address, or an IPv6 /64 (one customer's);
 * undefined for a name or none, and behind a relay, whose address it is.
 */
export function hostOf (addr: string | undefined): string | undefined {
  if (addr === undefined || addr.includes('/p2p-circuit')) return undefined
  const ip = ipOf(addr)
  if (ip === undefined) return undefined
  return ip.family === 4 ? ip.octets.join('.') : ip.groups.slice(0, 4).map(group => group.toString(16)).join(':')
}

/** The groups of IPv6 text: eight when it is well-formed. */
function groupsOf (host: string): number[] {
  const [before = '', after] = host.split('::')
  const head = numbersOf(before)
  const tail = numbersOf(after ?? '')
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length)
  return [...head, ...Array.from({ length: zeros }, () => 0), ...tail]
}

/** Groups of a part of it; the last two may be written as an IPv4 address. */
function numbersOf (text: string): number[] {
  return text.split(':').filter(group => group !== '').flatMap(group => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}
