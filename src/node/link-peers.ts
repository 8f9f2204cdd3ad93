import { MAX_LINK_ADDRS } from '../model/link.ts'
import { scopeOf } from '../swarm/address-scope.ts'
import type { LinkPeer } from '../model/link.ts'

/**
 * The hint that a publisher puts into its link: at most four addresses, public ones first, then announced, then
 * private; loopback only when nothing else is listened on.
 *
 * @param addrs multiaddrs, with or without /p2p/ID
 */
export function linkPeers (peerId: string, addrs: readonly string[], announced: readonly string[]): LinkPeer[] {
  const bare = [...new Set(addrs.map(addr => addr.replace(/\/p2p\/[^/]+$/, '')))]
  const rank = (addr: string): number => {
    const scope = scopeOf(addr)
    if (announced.some(one => one.replace(/\/p2p\/[^/]+$/, '') === addr)) return 1
    return scope === 'public' ? 0 : scope === 'private' ? 2 : scope === 'linkLocal' ? 3 : 4
  }
  const ranked = bare.map(addr => ({ addr, rank: rank(addr) })).sort((a, b) => a.rank - b.rank)
  const reachable = ranked.some(one => one.rank < 4) ? ranked.filter(one => one.rank < 4) : ranked
  return [{ id: peerId, addrs: reachable.slice(0, MAX_LINK_ADDRS).map(one => one.addr) }]
}
