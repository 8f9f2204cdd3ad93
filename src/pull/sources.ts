import type { Target } from '../files/target-port.ts'
import type { Search } from '../swarm/search.ts'
import type { Swarm } from '../swarm/swarm.ts'

/** What a pull looks at to say what it lacks and who could help. */
export interface PullState {
  readonly swarm: Pick<Swarm, 'sessions' | 'unreadableAt'>
  readonly search: Pick<Search, 'nameOf' | 'report' | 'tried'>
  /** Undefined until the tree is here. */
  readonly target?: Pick<Target, 'wanted' | 'held'> | undefined
}

/** A connected peer, as far as it could give what is missing. */
export interface ConnectedSource {
  readonly name: string
  /** `unreadable`: it said that it cannot read what it holds. */
  readonly state: 'unreadable' | 'able'
  /** Of the missing blocks, how many it says it holds; undefined when the tree is missing or it has not said. */
  readonly blocks: number | undefined
  readonly hasTree: boolean
}

export function connectedSources ({ swarm, search, target }: PullState): ConnectedSource[] {
  const missing = target?.wanted.without(target.held)
  return [...swarm.sessions.values()].map(({ peerId, their }) => ({
    name: search.nameOf(peerId),
    state: swarm.unreadableAt.has(peerId) ? 'unreadable' : 'able',
    blocks: their.holdings === undefined ? undefined : missing?.countBoth(their.holdings),
    hasTree: their.hasTree
  }))
}

/** How many of the missing blocks no connected peer says it holds. */
export function unheldCount ({ swarm, target }: PullState): number {
  if (target === undefined) return 0
  const missing = target.wanted.without(target.held)
  for (const { their } of swarm.sessions.values()) {
    if (their.holdings !== undefined) missing.deleteAll(their.holdings)
  }
  return missing.count
}
