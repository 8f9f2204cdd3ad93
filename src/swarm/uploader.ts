import {
  COMING_LOOK_MS, PUBLISHER_RECEIPT_LATE_MS, RECEIPT_LATE_MS, SEND_AHEAD_BYTES, SEND_BUDGET_BYTES
} from '../defaults.ts'
import { isModelswarmError } from '../errors.ts'
import { Mode, RejectReason } from '../wire/protocol.ts'
import { Alarm } from './alarm.ts'
import { receiverOf } from './giver.ts'
import { isServedBefore, UploadQueue } from './upload-queue.ts'
import { UploadWindow } from './upload-window.ts'
import type { Giver, Receiver } from './giver.ts'
import type { QueuedNode } from './node-queue.ts'
import type { BlockAccess, Clock } from './ports.ts'
import type { Session } from './session.ts'
import type { OpenPolicy } from '../api.ts'
import type { RequestMessage } from '../wire/messages.ts'

export interface UploaderParts {
  access: BlockAccess
  clock: Clock
  sizeOf: (block: number) => number
  maxBlockBytes: number
  isHeld: (block: number) => boolean
  /** It will be held soon. */
  isComing: (block: number) => boolean
  /** A publisher's pool, and what it does after its pass; absent for others, who serve what is asked. */
  giver?: Giver
  open?: OpenPolicy
  /** A block that was thought held could not be read. */
  onUnreadable: (block: number, err: unknown) => void
  /** A block chosen for a peer could not be read: what it granted for it does not come. */
  onGrantVoid: (session: Session) => void
  /** The pool had no block for a peer that granted bytes. */
  onNothingToGive: (session: Session) => void
  onSent: (bytes: number) => void
}

/**
 * Serves what the peers of one swarm ask, and for a publisher chooses what they get. Reads ahead within a budget, sends
 * only what was asked, and to the peer with the fewest blocks first (SWARM-POLICY.md section 2.6), ties to the one that
 * has waited longest. A peer whose socket is full costs nothing but what was read for it. Queues, window and the
 * publisher's choice have files of their own; what is here is the one loop, and the events that start it.
 */
export class Uploader {
  readonly #parts: UploaderParts
  readonly #queues = new Map<string, UploadQueue>()
  readonly #window: UploadWindow
  #budgetUsed = 0
  #isPumping = false
  #isStopped = false
  /** Receipts that do not come hold nobody up. */
  readonly #receiptAlarm: Alarm
  /** While somebody waits for what is coming to us it is looked whether it still does. */
  readonly #comingAlarm: Alarm

  constructor (parts: UploaderParts) {
    this.#parts = parts
    const lateMs = parts.giver === undefined ? RECEIPT_LATE_MS : PUBLISHER_RECEIPT_LATE_MS
    this.#window = new UploadWindow(parts.maxBlockBytes, lateMs)
    this.#receiptAlarm = new Alarm(parts.clock, () => { this.pump() })
    this.#comingAlarm = new Alarm(parts.clock, () => { this.pump() })
  }

  join (session: Session): void {
    this.#queues.set(session.peerId, new UploadQueue(session, this.#parts.clock.now()))
    this.#window.join(session.peerId)
  }

  leave (session: Session): void {
    const queue = this.#queues.get(session.peerId)
    if (queue?.session !== session) return
    this.#queues.delete(session.peerId)
    this.#window.leave(session.peerId)
    for (const { bytes } of queue.ready) this.#abandon(queue, bytes.byteLength)
    queue.ready.length = 0
    this.pump()
  }

  stop (): void {
    this.#isStopped = true
    this.#receiptAlarm.stop()
    this.#comingAlarm.stop()
    this.#queues.clear()
  }

  /** How this node serves a peer now; a publisher's answer differs by peer. */
  modeFor (receiver: Receiver): Mode {
    const { giver, open } = this.#parts
    if (giver === undefined) return Mode.open
    if (giver.hasFor(receiver)) return Mode.choosing
    return open === 'always' ? Mode.open : open === 'never' ? Mode.closed : Mode.spare
  }

  onWant (session: Session, upTo: number, modes: number): void {
    const queue = this.#queues.get(session.peerId)
    // Said before it heard that this grant is void: it does not count on it any more.
    if (queue === undefined || modes < queue.modesSaid) return
    queue.wantUpTo = Math.max(queue.wantUpTo, upTo)
    this.pump()
  }

  /** Bytes chosen for this peer so far, for Mode: what else it granted is void from now on. */
  endGrant (session: Session): number {
    const queue = this.#queues.get(session.peerId)
    if (queue === undefined) return 0
    queue.modesSaid++
    queue.endGrant()
    return queue.wantUsed
  }

  onRequest (session: Session, indexes: readonly number[], mode: Mode): void {
    const queue = this.#queues.get(session.peerId)
    if (queue === undefined) return
    const { isHeld, isComing } = this.#parts
    queue.askBlocks(indexes, this.#parts.clock.now(), block => {
      if (mode === Mode.choosing || mode === Mode.closed) return RejectReason.choosing
      return isHeld(block) ? 'held' : isComing(block) ? 'coming' : RejectReason.notHeld
    })
    this.pump()
  }

  /** A block is held from now on: who asked for it while it was coming gets it. */
  onHeld (block: number): void {
    const waiting = [...this.#queues.values()].filter(queue => queue.onHeld(block))
    if (waiting.length > 0) this.pump()
  }

  onNodeRequest (session: Session, { cids, belowBytes = 0 }: RequestMessage): void {
    const queue = this.#queues.get(session.peerId)
    if (queue === undefined) return
    queue.askNodes(cids, belowBytes)
    this.pump()
  }

  onCancel (session: Session, indexes: readonly number[]): void {
    const queue = this.#queues.get(session.peerId)
    for (const index of indexes) {
      if (queue?.forget(index) === false) this.#window.cancelled(session.peerId, index)
    }
  }

  /** A peer announced a block: the receipt, when it is one that we sent; it need not be sent any more. */
  onHave (session: Session, block: number, queuedMs: number | undefined): void {
    this.#queues.get(session.peerId)?.forget(block)
    this.#window.received(session.peerId, block, { queuedMs, now: this.#parts.clock.now() })
  }

  /** Starts whatever can be started now. Called after every event; cheap when there is nothing to do. */
  pump (): void {
    if (this.#isPumping || this.#isStopped) return
    this.#isPumping = true
    try {
      this.#window.expire(this.#parts.clock.now())
      const now = this.#parts.clock.now()
      for (const queue of this.#queues.values()) {
        if (queue.isWaiting) {
          queue.rejectLost(this.#parts.isComing, now)
          this.#comingAlarm.set(COMING_LOOK_MS)
        }
        if (queue.ready.length > 0) this.#flush(queue)
      }
      for (let queue = this.#next(); queue !== undefined; queue = this.#next()) this.#serveOne(queue)
    } finally {
      this.#isPumping = false
    }
    const { expiresAt } = this.#window
    if (expiresAt !== undefined) this.#receiptAlarm.set(Math.max(1, expiresAt - this.#parts.clock.now()))
  }

  /** The peer to serve next, while the window has room. */
  #next (): UploadQueue | undefined {
    let best: UploadQueue | undefined
    for (const queue of this.#queues.values()) {
      if (!queue.hasWork || !queue.session.isWritable) continue
      // Everybody may have one block on its way; more only within the budgets.
      if (queue.aheadBytes > 0 &&
        (queue.aheadBytes >= SEND_AHEAD_BYTES || this.#budgetUsed >= SEND_BUDGET_BYTES)) continue
      // Nodes of the tree are few, give no receipts, and nobody gets anywhere without them.
      if (queue.nodes.isEmpty && !this.#window.hasRoomFor(queue.session.peerId)) continue
      if (best === undefined || isServedBefore(queue, best, this.#parts.giver)) best = queue
    }
    return best
  }

  #serveOne (queue: UploadQueue): void {
    queue.servedAt = this.#parts.clock.now()
    const node = queue.nodes.next()
    if (node !== undefined) return this.#serveNode(queue, node)
    const [asked] = queue.blocks
    if (asked !== undefined) {
      queue.blocks.delete(asked)
      return this.#read(queue, asked, false)
    }
    const given = this.#choose(queue)
    if (given !== undefined) return this.#read(queue, given, true)
    // What is granted and cannot be used (a block larger than the rest) waits for the next Want.
    queue.endGrant()
    this.#parts.onNothingToGive(queue.session)
  }

  #choose (queue: UploadQueue): number | undefined {
    const { giver, sizeOf } = this.#parts
    const receiver = receiverOf(queue.session)
    if (giver === undefined || receiver === undefined) return undefined
    const block = giver.give(receiver, queue.wantUpTo - queue.wantUsed, sizeOf)
    if (block !== undefined) queue.wantUsed += sizeOf(block)
    return block
  }

  #serveNode (queue: UploadQueue, node: QueuedNode): void {
    const { cid, isAsked } = node
    const bytes = this.#parts.access.getNode(cid)
    if (bytes === undefined) {
      if (isAsked) queue.reject(RejectReason.notHeld, { cids: [cid] })
    } else if (queue.nodes.take(node, bytes)) {
      this.#parts.onSent(bytes.byteLength)
      queue.session.sendBlock({ index: 0, cid }, bytes)
    }
  }

  #read (queue: UploadQueue, block: number, isGiven: boolean): void {
    const size = this.#parts.sizeOf(block)
    queue.aheadBytes += size
    this.#budgetUsed += size
    this.#window.begin(queue.session.peerId, size)
    this.#parts.access.read(block).then(bytes => {
      if (this.#queues.get(queue.session.peerId) !== queue) {
        this.#abandon(queue, size)
        return
      }
      queue.ready.push({ index: block, bytes })
      this.pump()
    }, (err: unknown) => {
      queue.aheadBytes -= size
      this.#abandon(queue, size)
      if (isGiven) {
        this.#parts.giver?.takeBack(queue.session.peerId, block)
        queue.wantUsed -= size
        this.#parts.onGrantVoid(queue.session)
      }
      const reason = isModelswarmError(err, 'ERR_NOT_HELD') ? RejectReason.notHeld : RejectReason.unreadable
      queue.reject(reason, { indexes: [block] })
      this.#parts.onUnreadable(block, err)
      this.pump()
    })
  }

  #flush (queue: UploadQueue): void {
    while (queue.session.isWritable) {
      const next = queue.ready.shift()
      if (next === undefined) return
      queue.aheadBytes -= next.bytes.byteLength
      this.#budgetUsed -= next.bytes.byteLength
      this.#parts.onSent(next.bytes.byteLength)
      this.#countSent(queue.session, next)
      queue.session.sendBlock({ index: next.index }, next.bytes)
    }
  }

  #countSent ({ peerId, their }: Session, { index, bytes }: { index: number, bytes: Uint8Array }): void {
    const isHeld = their.holdings?.has(index) === true
    this.#window.sent(peerId, isHeld ? undefined : index, bytes.byteLength, this.#parts.clock.now())
  }

  /** Bytes that were begun for a peer are not sent. */
  #abandon (queue: UploadQueue, bytes: number): void {
    this.#budgetUsed -= bytes
    const { peerId } = queue.session
    this.#window.drop(this.#queues.get(peerId) === queue ? peerId : undefined, bytes)
  }
}
