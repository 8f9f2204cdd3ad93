import { LEAST_NODES_BELOW_BYTES } from '../defaults.ts'
import { linkedNodes } from '../model/linked-nodes.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { nodeKey } from './node-key.ts'

/** A tree node to be sent. */
export interface QueuedNode {
  readonly cid: Uint8Array
  /** False: it lies below one that was, and nobody waits for an answer. */
  readonly isAsked: boolean
}

/**
 * The tree nodes that one peer is to be sent: those it asked for, in that order, and then those below them, level by
 * level, as far as its Requests allowed (PROTOCOL.md section 6). A Request for a node that went out unasked may have
 * crossed it: the first one is answered by that.
 */
export class NodeQueue {
  readonly #asked = new Map<string, Uint8Array>()
  readonly #below = new Map<string, Uint8Array>()
  /** Those sent lately, and what they cost of what may be sent unasked: nothing when asked for, before or since. */
  readonly #sent = new Map<string, number>()
  /** Bytes that may be sent unasked. */
  #belowBytes = 0

  get isEmpty (): boolean {
    return this.#asked.size === 0 && this.#below.size === 0
  }

  /** @returns those for which there is no room */
  ask (cids: readonly Uint8Array[], belowBytes: number): readonly Uint8Array[] {
    this.#belowBytes = Math.min(WIRE_LIMITS.nodesBelowBytes, this.#belowBytes + belowBytes)
    const isRefused = (cid: Uint8Array): boolean => {
      const key = nodeKey(cid)
      const cost = this.#sent.get(key) ?? 0
      if (cost > 0) {
        this.#sent.set(key, 0)
        this.#belowBytes += cost
        return false
      }
      this.#below.delete(key)
      if (this.#asked.size >= WIRE_LIMITS.nodesQueued) return true
      this.#asked.set(key, cid)
      return false
    }
    return cids.filter(isRefused)
  }

  next (): QueuedNode | undefined {
    const isAsked = this.#asked.size > 0
    const queue = isAsked ? this.#asked : this.#below
    const [first] = queue
    if (first === undefined) return undefined
    const [key, cid] = first
    queue.delete(key)
    return { cid, isAsked }
  }

  /** The node is here: true when it may be sent. What is below it is queued. */
  take ({ cid, isAsked }: QueuedNode, bytes: Uint8Array): boolean {
    const cost = isAsked ? 0 : bytes.byteLength + WIRE_LIMITS.cidBytes
    if (cost > this.#belowBytes) {
      // That was read in vain: no second one is.
      this.#below.clear()
      return false
    }
    this.#belowBytes -= cost
    this.#sent.set(nodeKey(cid), cost)
    for (const oldest of this.#sent.keys()) if (this.#sent.size > WIRE_LIMITS.nodesBelow) this.#sent.delete(oldest)
    if (this.#belowBytes < LEAST_NODES_BELOW_BYTES) return true
    for (const below of linkedNodes(bytes)) {
      if (this.#below.size >= WIRE_LIMITS.nodesBelow) break
      const key = nodeKey(below)
      if (!this.#asked.has(key) && !this.#sent.has(key)) this.#below.set(key, below)
    }
    return true
  }
}
