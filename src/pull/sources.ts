import { Bitfield } from '../model/bitfield.ts'
import type { Target } from '../files/target-port.ts'
import type { Search } from '../swarm/search.ts'
import type { Swarm } from '../swarm/swarm.ts'

/** What a pull looks at to say what it lacks and who could help. */
export interface PullState {
  readonly swarm: Swarm
  readonly search: Search
  /** Undefined until the tree is here. */
  readonly target?: Target | undefined
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

/** Blocks that are wanted and not held. */
export function missingOf (target: Target): Bitfield {
  const missing = new Bitfield(target.wanted.length)
  for (const block of target.wanted.indexes()) if (!target.held.has(block)) missing.add(block)
  return missing
}

export function connectedSources ({ swarm, search, target }: PullState): ConnectedSource[] {
  const missing = target === undefined ? undefined : missingOf(target)
  return [...swarm.sessions.values()].map(({ peerId, theirHoldings, theirTree }) => ({
    name: search.nameOf(peerId),
    state: swarm.unreadableAt.has(peerId) ? 'unreadable' : 'able',
    blocks: missing === undefined || theirHoldings === undefined ? undefined : inBoth(missing, theirHoldings),
    hasTree: theirTree
  }))
}

/** How many of the missing blocks no connected peer says it holds. */
export function unheldCount ({ swarm, target }: PullState): number {
  if (target === undefined) return 0
  const missing = missingOf(target)
  for (const { theirHoldings } of swarm.sessions.values()) {
    if (theirHoldings === undefined) continue
    for (const block of theirHoldings.indexes()) missing.delete(block)
  }
  return missing.count
}

function inBoth (a: Bitfield, b: Bitfield): number {
  let count = 0
  for (const block of a.indexes()) if (b.has(block)) count++
  return count
}
