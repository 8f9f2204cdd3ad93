import { ModelswarmError } from '../errors.ts'
import type { Target } from '../files/target-port.ts'
import type { Search } from '../swarm/search.ts'
import type { Swarm } from '../swarm/swarm.ts'

const SHOWN = 3
/** How a line of Search.report ends when nobody of ours answered: the words of swarm/search.ts. */
const UNREACHED = /: (connection refused|no answer|no route|the name does not|the connection was|it cannot be dialled)/

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
  if (swarm.unreadableAt.size > 0) {
    return `${swarm.unreadableAt.size} of ${peers} connected peers could not read their own files: ` +
      'they changed there since they were shared, and must be shared again'
  }
  if (peers > 0) return `the ${peers} connected peer${peers === 1 ? ' has' : 's have'} nothing more to give`
  const tried = search.report()
  if (tried.length > 0) {
    const more = tried.length > SHOWN ? `; and ${tried.length - SHOWN} more` : ''
    const list = `(${tried.slice(0, SHOWN).join('; ')}${more})`
    if (!tried.some(line => UNREACHED.test(line))) {
      return `no peer that was reached can give it ${list}; check the link, or ask another peer with --peer`
    }
    const what = tried.every(line => UNREACHED.test(line)) ? 'no peer could be reached' : 'no peer could be reached that can give it'
    return `${what} ${list}; check the address and port, and that no firewall or NAT is in the way`
  }
  return search.tried > 0 ? 'no peer answered' : 'no address of a peer is known; give one with --peer'
}
