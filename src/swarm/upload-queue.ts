import { COMING_WAIT_MS, RETRY_AFTER_MS } from '../defaults.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { RejectReason } from '../wire/protocol.ts'
import { NodeQueue } from './node-queue.ts'
import type { Giver } from './giver.ts'
import type { Session } from './session.ts'

/** What one peer wants of us, and what was read for it and waits for its socket. */
export class UploadQueue {
  readonly session: Session
  readonly blocks = new Set<number>()
  /** Asked for while they are coming to us, and when, on the clock: they are given once they are held. */
  readonly #coming = new Map<number, number>()
  readonly nodes = new NodeQueue()
  /** A publisher's peer: bytes it granted us to choose, from the start, and those used. */
  wantUpTo = 0
  wantUsed = 0
  /** Modes that it was told. */
  modesSaid = 0
  /** Bytes read or being read and not yet handed to its socket. */
  aheadBytes = 0
  readonly ready: Array<{ index: number, bytes: Uint8Array }> = []
  /** When it was last its turn, on the clock. */
  servedAt: number

  constructor (session: Session, now: number) {
    this.session = session
    this.servedAt = now
  }

  get hasWork (): boolean {
    return !this.nodes.isEmpty || this.blocks.size > 0 || this.hasGrant
  }

  /** Bytes of our choice can be sent. */
  get hasGrant (): boolean {
    return this.wantUpTo > this.wantUsed
  }

  /**
   * Queues blocks that were asked for: those held to be served now, those that are coming to be served once they are
   * held. All others, and what is too many, are rejected.
   */
  askBlocks (
    indexes: readonly number[], now: number, answerOf: (block: number) => 'held' | 'coming' | RejectReason
  ): void {
    const rejected = new Map<RejectReason, number[]>()
    for (const index of indexes) {
      const answer = answerOf(index)
      const isFull = this.blocks.size + this.#coming.size >= WIRE_LIMITS.requestsQueued
      if (typeof answer === 'string' && !isFull) {
        if (answer === 'held') this.blocks.add(index)
        else this.#coming.set(index, now)
        continue
      }
      const reason = typeof answer === 'string' ? RejectReason.busy : answer
      const same = rejected.get(reason)
      if (same === undefined) rejected.set(reason, [index])
      else same.push(index)
    }
    for (const [reason, refused] of rejected) this.reject(reason, { indexes: refused })
  }

  /** The block is held; true when it was asked for while it was coming, and can be served now. */
  onHeld (block: number): boolean {
    if (!this.#coming.delete(block)) return false
    this.blocks.add(block)
    return true
  }

  /** Something is asked for that is not held yet. */
  get isWaiting (): boolean {
    return this.#coming.size > 0
  }

  /**
   * Rejects what was coming and is not any more, as its sender left or it was not what it should be; and what takes so
   * long that who asked would take us for silent.
   */
  rejectLost (isComing: (block: number) => boolean, now: number): void {
    const lost = [...this.#coming]
      .filter(([block, since]) => since + COMING_WAIT_MS <= now || !isComing(block))
      .map(([block]) => block)
    for (const block of lost) this.#coming.delete(block)
    if (lost.length > 0) this.reject(RejectReason.notHeld, { indexes: lost })
  }

  /** The block is not wanted any more; false when it was not waiting. */
  forget (block: number): boolean {
    return this.#coming.delete(block) || this.blocks.delete(block)
  }

  /** Queues tree nodes that were asked for, and those below them up to so many bytes; what is too many is rejected. */
  askNodes (cids: readonly Uint8Array[], belowBytes: number): void {
    const refused = this.nodes.ask(cids, belowBytes)
    if (refused.length > 0) this.reject(RejectReason.busy, { cids: refused })
  }

  reject (reason: RejectReason, what: { indexes?: readonly number[], cids?: readonly Uint8Array[] }): void {
    const { indexes = [], cids = [] } = what
    this.session.send({ type: 'reject', indexes, cids, reason, retryAfterMs: RETRY_AFTER_MS })
  }

  /** Whatever is granted beyond what was used is void from now on. */
  endGrant (): void {
    this.wantUpTo = this.wantUsed
  }
}

/**
 * Who is served first: whoever has fewest blocks (SWARM-POLICY.md section 2.6); where a publisher chooses for both,
 * whoever has passed on most of what it was given. Ties go to the one that has waited longest.
 */
export function isServedBefore (a: UploadQueue, b: UploadQueue, giver: Giver | undefined): boolean {
  const difference = giver !== undefined && a.hasGrant && b.hasGrant
    ? giver.backlogOf(a.session.peerId) - giver.backlogOf(b.session.peerId)
    : (a.session.their.holdings?.count ?? 0) - (b.session.their.holdings?.count ?? 0)
  return difference === 0 ? a.servedAt < b.servedAt : difference < 0
}
