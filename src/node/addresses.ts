import { multiaddr } from '@multiformats/multiaddr'
import { ModelswarmError } from '../errors.ts'
import type { LinkPeer } from '../model/link.ts'

/** @throws ModelswarmError ERR_BAD_OPTION for a text that is no multiaddr */
export function checkAddr (addr: string): void {
  try {
    multiaddr(addr)
  } catch (err) {
    throw new ModelswarmError('ERR_BAD_OPTION',
      `"${addr.slice(0, 60)}" is no multiaddr; one looks like /ip4/192.0.2.1/tcp/4001`, { cause: err })
  }
}

/** Peers of a link with those of their addresses that are multiaddrs; reading a link does not check them. */
export function dialable (peers: readonly LinkPeer[], onNote: (message: string) => void): LinkPeer[] {
  return peers.map(peer => ({
    ...peer,
    addrs: peer.addrs.filter(addr => {
      const full = peer.id === undefined || addr.includes('/p2p/') ? addr : `${addr}/p2p/${peer.id}`
      if (isAddr(full)) return true
      onNote(`The link's address ${full.slice(0, 100)} is no multiaddr and was left out`)
      return false
    })
  }))
}

function isAddr (text: string): boolean {
  try {
    multiaddr(text)
    return true
  } catch {
    // multiaddr throws plain errors of several kinds; all mean: no address.
    return false
  }
}
