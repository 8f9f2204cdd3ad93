import { ModelswarmError } from '../errors.ts'
import type { Target } from '../files/open-target.ts'
import type { Search } from '../swarm/search.ts'
import type { Swarm } from '../swarm/swarm.ts'

const SHOWN = 3

/** The one line for a pull that ends because nothing came any more: what is missing, what was tried, what to check. */
export function gaveUp (
  seconds: number, at: { swarm: Swarm, search: Search, target?: Target | undefined }
): ModelswarmError {
  const { swarm, search, target } = at
  const missing = target === undefined
    ? 'the tree is missing'
    : `${target.wanted.count - target.held.count} of ${target.wanted.count} blocks are missing`
  return new ModelswarmError('ERR_GAVE_UP',
    `Gave up after ${seconds} s without a verified byte: ${missing}; ${whyOf(swarm, search)}`)
}

function whyOf (swarm: Swarm, search: Search): string {
  const peers = swarm.sessions.size
  if (peers > 0) return `the ${peers} connected peer${peers === 1 ? ' has' : 's have'} nothing more to give`
  const tried = search.report()
  if (tried.length > 0) {
    const more = tried.length > SHOWN ? `; and ${tried.length - SHOWN} more` : ''
    return `no peer could be reached (${tried.slice(0, SHOWN).join('; ')}${more}); ` +
      'check the address and port, and that no firewall or NAT is in the way'
  }
  return search.tried > 0 ? 'no peer answered' : 'no address of a peer is known; give one with --peer'
}
