import { MOST_EXPECTED_NODES, MOST_NODES_BELOW_BYTES } from '../defaults.ts'
import { linkedNodes } from '../model/linked-nodes.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { nodeKey } from './node-key.ts'

interface Kept {
  readonly peerId: string
  readonly bytes: Uint8Array
}

/**
 * Tree nodes that peers send with those they were asked for, because we allow it: a tree of three levels takes one
 * round trip, not three. Those that are what their names say are kept until the nodes above them say that they are
 * wanted, or the tree is complete. Bytes are counted with `cidBytes` for the name of each.
 */
export class NodesBelow {
  /** Bytes that a peer may yet send. */
  readonly #allowed = new Map<string, number>()
  /** Nodes that have begun to come, or are being verified, and from whom. */
  readonly #coming = new Map<string, string>()
  /** Nodes that a peer may be about to send, since it gave the one above. */
  readonly #expected = new Map<string, string>()
  readonly #kept = new Map<string, Kept>()
  #isOver = false

  /**
   * Raises what this peer may send, as far as there is room; by how many bytes, for its Request. Nothing where several
   * peers have the tree: they are quicker together, each asked for a part, and what one sends unasked another may have
   * been asked for.
   */
  allow (peerId: string, peers: number): number {
    if (this.#isOver || peers > 1) return 0
    const allowed = this.#allowed.get(peerId) ?? 0
    let own = allowed
    let all = 0
    for (const bytes of this.#allowed.values()) all += bytes
    for (const kept of this.#kept.values()) {
      const cost = costOf(kept.bytes.byteLength)
      all += cost
      if (kept.peerId === peerId) own += cost
    }
    const more = Math.max(0, Math.min(WIRE_LIMITS.nodesBelowBytes - own, MOST_NODES_BELOW_BYTES - all))
    if (more > 0) this.#allowed.set(peerId, allowed + more)
    return more
  }

  /** A node begins to come that was not asked for; false when that was not allowed. */
  onStart (peerId: string, key: string, bytes: number): boolean {
    const allowed = this.#allowed.get(peerId) ?? 0
    const cost = costOf(bytes)
    if (cost > allowed) return false
    this.#allowed.set(peerId, allowed - cost)
    if (!this.#isOver) this.#coming.set(key, peerId)
    return true
  }

  /** Whether this peer has begun to send the node unasked, and it has not been verified yet. */
  isComing (peerId: string, key: string): boolean {
    return this.#coming.get(key) === peerId
  }

  /** Who is sending this node now. */
  senderOf (key: string): string | undefined {
    return this.#coming.get(key)
  }

  /** Who may be about to send it: whoever gave the node above, while it may send more. */
  likelySenderOf (key: string): string | undefined {
    const peerId = this.#expected.get(key)
    this.#expected.delete(key)
    return peerId !== undefined && (this.#allowed.get(peerId) ?? 0) > 0 ? peerId : undefined
  }

  /** A peer has given this node, verified: it may go on to those below it. */
  onGiven (peerId: string, bytes: Uint8Array): void {
    if (this.#isOver || (this.#allowed.get(peerId) ?? 0) === 0) return
    for (const cid of linkedNodes(bytes)) this.#expected.set(nodeKey(cid), peerId)
    for (const oldest of this.#expected.keys()) {
      if (this.#expected.size <= MOST_EXPECTED_NODES) break
      this.#expected.delete(oldest)
    }
  }

  /** It has been verified, or is not what its name says. */
  onEnd (peerId: string, key: string): void {
    if (this.isComing(peerId, key)) this.#coming.delete(key)
  }

  /** A verified node that nobody has asked for. */
  keep (peerId: string, key: string, bytes: Uint8Array): void {
    if (!this.#isOver) this.#kept.set(key, { peerId, bytes })
  }

  /** Hands over a node that is asked for. */
  take (key: string): Kept | undefined {
    const kept = this.#kept.get(key)
    this.#kept.delete(key)
    return kept
  }

  leave (peerId: string): void {
    this.#allowed.delete(peerId)
    for (const [key, sender] of this.#coming) if (sender === peerId) this.#coming.delete(key)
  }

  /** The tree is complete: what comes now is of no use, though it was allowed. */
  end (): void {
    this.#isOver = true
    this.#coming.clear()
    this.#expected.clear()
    this.#kept.clear()
  }
}

function costOf (bytes: number): number {
  return bytes + WIRE_LIMITS.cidBytes
}
