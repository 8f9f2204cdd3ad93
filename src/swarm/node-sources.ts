import { LIKELY_NODES, NODES_PER_PEER, NODE_FIRST_MS, NODE_TIMEOUT_MS, REMEMBERED_SILENT } from '../defaults.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import type { Session } from './session.ts'

/** A node of the tree that is wanted, as far as it matters to who is asked for it. */
export interface Wish {
  readonly asked: ReadonlyMap<string, number>
  /** Peers that would not give it, until when they are not asked again. */
  readonly refusedUntil: ReadonlyMap<string, number>
  /** Whoever gave the node above and may be about to send this one. */
  likely: string | undefined
}

/** Who is asked for a node of the tree: of the peers that have it, and by how they answered so far. */
export class NodeSources {
  readonly #sessions: () => Iterable<Session>
  /** Peers that have given a node, and those that were too slow since, and how often. */
  readonly #givers = new Set<string>()
  readonly #slow = new Map<string, number>()

  constructor (sessions: () => Iterable<Session>) {
    this.#sessions = sessions
  }

  /** How many peers have the tree. */
  get count (): number {
    return [...this.#sessions()].filter(({ their }) => their.hasTree).length
  }

  /** How long this peer is waited for. */
  patienceMs (peerId: string): number {
    return this.#givers.has(peerId) ? NODE_TIMEOUT_MS : NODE_FIRST_MS
  }

  onGave (peerId: string): void {
    this.#givers.add(peerId)
    this.#slow.delete(peerId)
  }

  onSlow (peerId: string): void {
    const times = (this.#slow.get(peerId) ?? 0) + 1
    this.#slow.delete(peerId)
    this.#slow.set(peerId, times)
    for (const oldest of this.#slow.keys()) if (this.#slow.size > REMEMBERED_SILENT) this.#slow.delete(oldest)
  }

  leave (peerId: string): void {
    this.#givers.delete(peerId)
  }

  /**
   * Whoever is likely to be sending the node is tried first, once; then whoever is asked for least. `busy`: how many
   * nodes are asked of each peer; `peers`: how many have the tree.
   */
  choose (
    wish: Wish, { busy, peers, now }: { busy: ReadonlyMap<string, number>, peers: number, now: number }
  ): Session | undefined {
    const { likely } = wish
    const mostLikely = peers === 1 ? WIRE_LIMITS.cids : LIKELY_NODES
    wish.likely = undefined
    let best: Session | undefined
    for (const session of this.#sessions()) {
      const { peerId, their } = session
      if (!their.hasTree || wish.asked.has(peerId) || (wish.refusedUntil.get(peerId) ?? 0) > now) continue
      const asked = busy.get(peerId) ?? 0
      if (peerId === likely && asked < mostLikely) return session
      if (asked >= NODES_PER_PEER) continue
      if (best === undefined || this.#rank(peerId, busy) < this.#rank(best.peerId, busy)) best = session
    }
    return best
  }

  #rank (peerId: string, busy: ReadonlyMap<string, number>): number {
    const isUnproven = this.#givers.has(peerId) ? 0 : 0.5
    return (this.#slow.get(peerId) ?? 0) * NODES_PER_PEER + (busy.get(peerId) ?? 0) + isUnproven
  }
}
