import { LATE_LOOK_MS, LEAST_RETRY_MS, LOOK_MS } from '../defaults.ts'
import { isModelswarmError, ModelswarmError } from '../errors.ts'
import { IDENTITY_ENCODING, RejectReason } from '../wire/protocol.ts'
import type { Clock, KeepBlock } from './ports.ts'
import type { Session } from './session.ts'
import type { Bitfield } from '../model/bitfield.ts'
import type { Arrival } from '../schedule/ledger.ts'
import type { Action, Scheduler } from '../schedule/scheduler.ts'
import type { BlockMessage, RejectMessage } from '../wire/messages.ts'

export interface DownloaderParts {
  scheduler: Scheduler
  clock: Clock
  keep: KeepBlock
  sessionOf: (peerId: string) => Session | undefined
  /** A block is kept. */
  onStored: (block: number, session: Session) => void
  /** A peer sent bytes that are not the block's. */
  onBadBlock: (session: Session, err: ModelswarmError) => void
  /** Our own disk failed: the pull cannot go on. */
  onFatal: (err: unknown) => void
  /** Every wanted block is stored. */
  onComplete: () => void
}

/**
 * The pulling half of a swarm, there while a pull runs: tells the scheduler what sessions say, sends what it plans, and
 * has blocks verified and written. Blame follows I5: bad bytes are the peer's, a failed write is ours.
 */
export class Downloader {
  readonly #parts: DownloaderParts
  #isPlanned = false
  #isStopped = false
  #cancelWake: () => void = () => {}
  /** When we shall look again, at the latest. */
  #wakeAt = Infinity

  constructor (parts: DownloaderParts) {
    this.#parts = parts
  }

  /** Plans soon, once for any number of events in between. */
  plan (): void {
    if (this.#isPlanned || this.#isStopped) return
    this.#isPlanned = true
    queueMicrotask(() => {
      this.#isPlanned = false
      this.#planNow()
    })
  }

  stop (): void {
    this.#isStopped = true
    this.#cancelWake()
  }

  /** A session becomes a source. The scheduler keeps its holdings: the very same bitfield. */
  join (session: Session, holdings: Bitfield): void {
    session.beginGrants()
    this.#parts.scheduler.addSource(session.peerId, holdings, session.their.mode)
    if (session.roundTripMs !== undefined) this.#parts.scheduler.onRoundTrip(session.peerId, session.roundTripMs)
    this.plan()
  }

  leave (session: Session): void {
    this.#parts.scheduler.removeSource(session.peerId)
    this.plan()
  }

  /** A peer announced a block; true when its holdings are the scheduler's, which has set the bit. Plans nothing yet. */
  onHave (session: Session, block: number): boolean {
    const { scheduler } = this.#parts
    if (!scheduler.sources.has(session.peerId)) return false
    scheduler.onHave(session.peerId, block)
    return true
  }

  /** A block is coming to a peer: it can be asked for. Plans nothing yet. */
  onComing (session: Session, block: number): void {
    this.#parts.scheduler.onComing(session.peerId, block)
  }

  /** Its bytes are coming to us, or are being verified and written. */
  isComing (block: number): boolean {
    return this.#parts.scheduler.isComing(block)
  }

  onMode (session: Session, given: number): void {
    this.#parts.scheduler.onMode(session.peerId, session.their.mode, given)
    this.plan()
  }

  onReject (session: Session, reject: RejectMessage): void {
    const { scheduler, clock } = this.#parts
    const retryAt = clock.now() + Math.max(LEAST_RETRY_MS, reject.retryAfterMs)
    scheduler.onRefused(session.peerId, reject.indexes, retryAt)
    if (reject.reason === RejectReason.notHeld) {
      for (const block of reject.indexes) scheduler.onNotHeld(session.peerId, block)
    }
    this.plan()
  }

  onBytes (session: Session, bytes: number): void {
    this.#parts.scheduler.onBytes(session.peerId, bytes, this.#parts.clock.now())
  }

  onRoundTrip (session: Session, ms: number): void {
    this.#parts.scheduler.onRoundTrip(session.peerId, ms)
  }

  onBlockStart (session: Session, block: BlockMessage): Arrival {
    if (block.encoding !== IDENTITY_ENCODING) {
      throw new ModelswarmError('ERR_PROTOCOL', `Peer encoded a block as ${block.encoding}, which was not offered`,
        { sourceId: session.peerId, received: block.encoding })
    }
    return this.#parts.scheduler.onArriving(session.peerId, block.index, this.#parts.clock.now())
  }

  onBlock (session: Session, block: BlockMessage, payload: Uint8Array): void {
    if (!this.#parts.scheduler.onReceived(session.peerId, block.index)) return this.plan()
    // Room for the next request is made when this one is stored, not when it came: memory stays within the budget.
    this.#take(session, block.index, payload).catch((err: unknown) => {
      if (!this.#isStopped) this.#parts.onFatal(err)
    })
  }

  async #take (session: Session, block: number, payload: Uint8Array): Promise<void> {
    const { scheduler } = this.#parts
    try {
      await this.#parts.keep(block, payload, session.peerId)
    } catch (err) {
      if (!isModelswarmError(err, 'ERR_BAD_BLOCK')) throw err
      scheduler.onWrong(session.peerId, block)
      this.#parts.onBadBlock(session, err)
      return this.plan()
    }
    if (!scheduler.onStored(session.peerId, block)) return this.plan()
    session.exchange.onStored()
    this.#parts.onStored(block, session)
    if (scheduler.states.isComplete) this.#parts.onComplete()
    else this.plan()
  }

  #planNow (): void {
    if (this.#isStopped) return
    const { scheduler, clock } = this.#parts
    const now = clock.now()
    // Something kept the whole process busy: what came meanwhile lies unread in its sockets.
    if (now > this.#wakeAt + LATE_LOOK_MS) scheduler.onLate(now - this.#wakeAt)
    for (const action of scheduler.plan(now)) this.#act(action)
    this.#cancelWake()
    this.#wakeAt = scheduler.wakeAt === undefined ? Infinity : Math.min(scheduler.wakeAt, now + LOOK_MS)
    if (this.#wakeAt === Infinity) return
    this.#cancelWake = clock.setTimer(Math.max(1, this.#wakeAt - clock.now()), () => { this.plan() })
  }

  #act (action: Action): void {
    const session = this.#parts.sessionOf(action.sourceId)
    if (session === undefined) return
    switch (action.type) {
      case 'request': return session.send({ type: 'request', indexes: action.blocks, cids: [] })
      case 'cancel': return session.send({ type: 'cancel', indexes: action.blocks })
      case 'want': return session.grant(action.upTo)
    }
  }
}
