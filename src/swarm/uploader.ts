import { SEND_AHEAD_BYTES, SEND_BUDGET_BYTES, SLOT_MS, UPLOAD_SLOTS } from '../defaults.ts'
import { isModelswarmError } from '../errors.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { Mode, RejectReason } from '../wire/protocol.ts'
import type { Giver, Receiver } from './giver.ts'
import type { BlockAccess, Clock } from './ports.ts'
import type { Session } from './session.ts'
import type { OpenPolicy } from '../api.ts'

/** What one peer wants of us. */
interface Queue {
  readonly session: Session
  readonly blocks: Set<number>
  readonly nodes: Uint8Array[]
  /** A publisher's peer: bytes it granted us to choose, from the start, and those used. */
  wantUpTo: number
  wantUsed: number
  /** Bytes read or being read and not yet handed to its socket. */
  aheadBytes: number
  readonly ready: Array<{ index: number, bytes: Uint8Array }>
  servedAt: number
}

export interface UploaderParts {
  access: BlockAccess
  clock: Clock
  sizeOf: (block: number) => number
  isHeld: (block: number) => boolean
  /** A publisher's pool, and what it does after its pass; absent for others, who serve what is asked. */
  giver?: Giver
  open?: OpenPolicy
  /** A block that was thought held could not be read. */
  onUnreadable: (block: number, err: unknown) => void
  /** The pool had no block for a peer that granted bytes. */
  onNothingToGive: (session: Session) => void
  onSent: (bytes: number) => void
}

/**
 * Serves what the peers of one swarm ask, and for a publisher chooses what they get. Reads ahead within a budget, sends
 * only what was asked, and to the peer with the fewest blocks first (SWARM-POLICY.md section 2.6), ties to the one that
 * has waited longest. A peer whose socket is full costs nothing but what was read for it.
 */
export class Uploader {
  readonly #parts: UploaderParts
  readonly #queues = new Map<string, Queue>()
  #budgetUsed = 0
  #isPumping = false
  #isStopped = false
  #cancelWake: () => void = () => {}

  constructor (parts: UploaderParts) {
    this.#parts = parts
  }

  join (session: Session): void {
    this.#queues.set(session.peerId, {
      session,
      blocks: new Set(),
      nodes: [],
      wantUpTo: 0,
      wantUsed: 0,
      aheadBytes: 0,
      ready: [],
      servedAt: this.#parts.clock.now()
    })
  }

  leave (session: Session): void {
    const queue = this.#queues.get(session.peerId)
    if (queue?.session !== session) return
    this.#queues.delete(session.peerId)
    for (const { bytes } of queue.ready) this.#budgetUsed -= bytes.byteLength
    queue.ready.length = 0
    this.pump()
  }

  stop (): void {
    this.#isStopped = true
    this.#cancelWake()
    this.#queues.clear()
  }

  /** How this node serves a peer now; a publisher's answer differs by peer. */
  modeFor (receiver: Receiver | undefined): Mode {
    const { giver, open } = this.#parts
    if (giver === undefined) return Mode.open
    if (receiver === undefined || giver.hasFor(receiver)) return Mode.choosing
    return open === 'always' ? Mode.open : open === 'never' ? Mode.closed : Mode.spare
  }

  onWant (session: Session, upTo: number): void {
    const queue = this.#queues.get(session.peerId)
    if (queue === undefined) return
    queue.wantUpTo = Math.max(queue.wantUpTo, upTo)
    this.pump()
  }

  /** Bytes chosen for this peer so far, for Mode: what else it granted is void from now on. */
  endGrant (session: Session): number {
    const queue = this.#queues.get(session.peerId)
    if (queue === undefined) return 0
    queue.wantUpTo = queue.wantUsed
    return queue.wantUsed
  }

  onRequest (session: Session, indexes: readonly number[], mode: Mode): void {
    const queue = this.#queues.get(session.peerId)
    if (queue === undefined) return
    const rejected = new Map<RejectReason, number[]>()
    for (const index of indexes) {
      const reason = mode === Mode.choosing || mode === Mode.closed
        ? RejectReason.choosing
        : !this.#parts.isHeld(index)
            ? RejectReason.notHeld
            : queue.blocks.size >= WIRE_LIMITS.requestsQueued ? RejectReason.busy : undefined
      if (reason === undefined) {
        queue.blocks.add(index)
        continue
      }
      const same = rejected.get(reason)
      if (same === undefined) rejected.set(reason, [index])
      else same.push(index)
    }
    for (const [reason, refused] of rejected) {
      session.send({ type: 'reject', indexes: refused, cids: [], reason, retryAfterMs: RETRY_AFTER_MS })
    }
    this.pump()
  }

  onNodeRequest (session: Session, cids: readonly Uint8Array[]): void {
    const queue = this.#queues.get(session.peerId)
    if (queue === undefined) return
    const room = Math.max(0, WIRE_LIMITS.nodesQueued - queue.nodes.length)
    queue.nodes.push(...cids.slice(0, room))
    const refused = cids.slice(room)
    if (refused.length > 0) {
      const reason = RejectReason.busy
      session.send({ type: 'reject', indexes: [], cids: refused, reason, retryAfterMs: RETRY_AFTER_MS })
    }
    this.pump()
  }

  onCancel (session: Session, indexes: readonly number[]): void {
    const queue = this.#queues.get(session.peerId)
    for (const index of indexes) queue?.blocks.delete(index)
  }

  /** Starts whatever can be started now. Called after every event; cheap when there is nothing to do. */
  pump (): void {
    if (this.#isPumping || this.#isStopped) return
    this.#isPumping = true
    try {
      for (const queue of this.#queues.values()) this.#flush(queue)
      for (let queue = this.#next(); queue !== undefined; queue = this.#next()) this.#serveOne(queue)
    } finally {
      this.#isPumping = false
    }
  }

  /**
   * The peer to serve next. While the up-link is what holds things up, only few are served at once: bytes that wait
   * in many
   * sockets delay the requests and haves that share those connections, and can no longer go to whom they help most.
   */
  #next (): Queue | undefined {
    let best: Queue | undefined
    let busy = 0
    const now = this.#parts.clock.now()
    for (const queue of this.#queues.values()) {
      const { fullSince } = queue.session
      if (fullSince !== undefined && now - fullSince < SLOT_MS) busy++
    }
    if (busy >= UPLOAD_SLOTS) {
      this.#cancelWake()
      this.#cancelWake = this.#parts.clock.setTimer(SLOT_MS, () => { this.pump() })
      return undefined
    }
    for (const queue of this.#queues.values()) {
      if (!queue.session.isWritable || !this.#hasWork(queue)) continue
      // Everybody may have one block on its way; more only within the budgets.
      if (queue.aheadBytes > 0 &&
        (queue.aheadBytes >= SEND_AHEAD_BYTES || this.#budgetUsed >= SEND_BUDGET_BYTES)) continue
      if (best === undefined || this.#isBefore(queue, best)) best = queue
    }
    return best
  }

  /** Fewest blocks first; where the publisher chooses, whoever has passed on most of what it was given. */
  #isBefore (a: Queue, b: Queue): boolean {
    const { giver } = this.#parts
    const difference = giver !== undefined && a.wantUpTo > a.wantUsed && b.wantUpTo > b.wantUsed
      ? giver.backlogOf(a.session.peerId) - giver.backlogOf(b.session.peerId)
      : (a.session.theirHoldings?.count ?? 0) - (b.session.theirHoldings?.count ?? 0)
    return difference === 0 ? a.servedAt < b.servedAt : difference < 0
  }

  #hasWork (queue: Queue): boolean {
    return queue.nodes.length > 0 || queue.blocks.size > 0 || queue.wantUpTo > queue.wantUsed
  }

  #serveOne (queue: Queue): void {
    queue.servedAt = this.#parts.clock.now()
    const node = queue.nodes.shift()
    if (node !== undefined) return this.#serveNode(queue, node)
    const [asked] = queue.blocks
    if (asked !== undefined) {
      queue.blocks.delete(asked)
      return this.#read(queue, asked, false)
    }
    const given = this.#choose(queue)
    if (given !== undefined) return this.#read(queue, given, true)
    // What is granted and cannot be used (a block larger than the rest) waits for the next Want.
    queue.wantUpTo = queue.wantUsed
    this.#parts.onNothingToGive(queue.session)
  }

  #choose (queue: Queue): number | undefined {
    const { giver, sizeOf } = this.#parts
    const receiver = receiverOf(queue.session)
    if (giver === undefined || receiver === undefined) return undefined
    const block = giver.give(receiver, queue.wantUpTo - queue.wantUsed, sizeOf)
    if (block !== undefined) queue.wantUsed += sizeOf(block)
    return block
  }

  #serveNode (queue: Queue, cid: Uint8Array): void {
    const bytes = this.#parts.access.getNode(cid)
    if (bytes === undefined) {
      const reason = RejectReason.notHeld
      queue.session.send({ type: 'reject', indexes: [], cids: [cid], reason, retryAfterMs: RETRY_AFTER_MS })
      return
    }
    this.#parts.onSent(bytes.byteLength)
    queue.session.sendBlock({ index: 0, cid }, bytes)
  }

  #read (queue: Queue, block: number, isGiven: boolean): void {
    const size = this.#parts.sizeOf(block)
    queue.aheadBytes += size
    this.#budgetUsed += size
    this.#parts.access.read(block).then(bytes => {
      if (this.#queues.get(queue.session.peerId) !== queue) {
        this.#budgetUsed -= size
        return
      }
      queue.ready.push({ index: block, bytes })
      this.pump()
    }, (err: unknown) => {
      queue.aheadBytes -= size
      this.#budgetUsed -= size
      if (isGiven) {
        this.#parts.giver?.drop(block)
        queue.wantUsed -= size
      }
      const reason = isModelswarmError(err, 'ERR_NOT_HELD') ? RejectReason.notHeld : RejectReason.unreadable
      queue.session.send({ type: 'reject', indexes: [block], cids: [], reason, retryAfterMs: RETRY_AFTER_MS })
      this.#parts.onUnreadable(block, err)
      this.pump()
    })
  }

  #flush (queue: Queue): void {
    while (queue.session.isWritable) {
      const next = queue.ready.shift()
      if (next === undefined) return
      queue.aheadBytes -= next.bytes.byteLength
      this.#budgetUsed -= next.bytes.byteLength
      this.#parts.onSent(next.bytes.byteLength)
      queue.session.sendBlock({ index: next.index }, next.bytes)
    }
  }
}

const RETRY_AFTER_MS = 1000

/** The peer of a session as the giver sees it, once it has said what it holds. */
export function receiverOf (session: Session): Receiver | undefined {
  if (session.theirHoldings === undefined) return undefined
  return { id: session.peerId, holdings: session.theirHoldings, unwanted: session.theirUnwanted }
}
