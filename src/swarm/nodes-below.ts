import { MOST_NODES_BELOW_BYTES } from '../defaults.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import type { Session } from './session.ts'

/** A node that came before it was asked for, not verified yet. */
export interface EarlyNode {
  readonly session: Session
  readonly bytes: Uint8Array
}

/**
 * Tree nodes that peers send with those they were asked for, because we allow it: a tree of three levels takes one
 * round trip, not three. They are kept until the nodes above them say that they are wanted, or the tree is complete.
 */
export class NodesBelow {
  /** Bytes that a peer may yet send. */
  readonly #allowed = new Map<string, number>()
  /** Nodes that have begun to come, and from whom. */
  readonly #coming = new Map<string, string>()
  readonly #kept = new Map<string, EarlyNode>()
  #keptBytes = 0
  #isOver = false

  /** Raises what this peer may send, as far as there is room; by how many bytes, for its Request. */
  allow (peerId: string): number {
    if (this.#isOver) return 0
    const allowed = this.#allowed.get(peerId) ?? 0
    let sum = this.#keptBytes
    for (const bytes of this.#allowed.values()) sum += bytes
    const more = Math.max(0, Math.min(WIRE_LIMITS.nodesBelowBytes - allowed, MOST_NODES_BELOW_BYTES - sum))
    if (more > 0) this.#allowed.set(peerId, allowed + more)
    return more
  }

  /** True while this peer may be sending more than it was asked for. */
  mayCome (peerId: string): boolean {
    return (this.#allowed.get(peerId) ?? 0) > 0
  }

  /** A node begins to come that was not asked for; false when that was not allowed. */
  onStart (peerId: string, key: string, bytes: number): boolean {
    const allowed = this.#allowed.get(peerId) ?? 0
    const cost = bytes + WIRE_LIMITS.cidBytes
    if (cost > allowed) return false
    this.#allowed.set(peerId, allowed - cost)
    if (!this.#isOver) this.#coming.set(key, peerId)
    return true
  }

  /** Who is sending this node now. */
  senderOf (key: string): string | undefined {
    return this.#coming.get(key)
  }

  /** A node has come. It is kept when nobody has asked for it since it began to. */
  onArrived (session: Session, key: string, { bytes, isWanted }: { bytes: Uint8Array, isWanted: boolean }): void {
    if (this.#coming.get(key) !== session.peerId) return
    this.#coming.delete(key)
    if (isWanted || this.#kept.has(key)) return
    this.#kept.set(key, { session, bytes })
    this.#keptBytes += bytes.byteLength
  }

  /** Hands over a node that is asked for. */
  take (key: string): EarlyNode | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    this.#kept.delete(key)
    this.#keptBytes -= kept.bytes.byteLength
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
    this.#kept.clear()
    this.#keptBytes = 0
  }
}
