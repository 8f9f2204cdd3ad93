import { CID } from 'multiformats/cid'
import { HAVE_BATCH_MS, MAX_PEERS_PER_MODEL } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import type { Bitfield } from '../model/bitfield.ts'
import { ByeReason, Mode } from '../wire/protocol.ts'
import { Giver } from './giver.ts'
import { TreeFetch } from './tree-fetch.ts'
import { receiverOf, Uploader } from './uploader.ts'
import type { BlockAccess, SwarmParts } from './ports.ts'
import type { Session, SessionHost } from './session.ts'
import type { Downloader } from './downloader.ts'
import type { Scheduler } from '../schedule/scheduler.ts'
import type { OpenPolicy } from '../api.ts'
import type { Manifest } from '../model/manifest.ts'
import type { BlockMessage, RejectMessage, RequestMessage } from '../wire/messages.ts'

/** The pulling half of a swarm, there while a pull runs. */
export interface Pulling {
  readonly scheduler: Scheduler
  readonly downloader: Downloader
}

/** What the swarm tells its owner (a recipe in publish.ts, pull.ts). */
export interface SwarmEvents {
  onNote?: (message: string) => void
  /** A peer's signed records, for discovery. */
  onPeers?: (session: Session, records: readonly Uint8Array[]) => void
  onSession?: (session: Session) => void
  onSessionEnd?: (session: Session, err: Error | undefined) => void
  /** A block thought held could not be read. */
  onUnreadable?: (block: number, err: unknown) => void
}

/**
 * The peers that exchange one root, as this node sees them: its sessions, what it serves them, and while a pull runs
 * what it asks of them. Knows no libp2p: sessions come in ready (handshake.ts), time and disk are ports.
 */
export class Swarm implements SessionHost {
  readonly root: CID
  readonly treeFetch: TreeFetch
  readonly sessions = new Map<string, Session>()
  events: SwarmEvents = {}
  /** Payload of blocks and tree handed to sockets, and received. */
  sentBytes = 0
  receivedBytes = 0
  readonly #parts: SwarmParts
  #content: { manifest: Manifest, held: Bitfield, uploader: Uploader } | undefined
  #access: BlockAccess | undefined
  #giver: Giver | undefined
  #open: OpenPolicy = 'spare'
  #unwanted: Bitfield | undefined
  #pulling: Pulling | undefined
  /** Peers that hold, or came to hold, by pulling: what the giver counts. Other publishers are not among them. */
  readonly #receivers = new Set<Session>()
  readonly #toldMode = new Map<Session, Mode>()
  #unannounced: number[] = []
  #cancelAnnounce: (() => void) | undefined
  #isStopped = false

  constructor (root: CID, parts: SwarmParts) {
    this.root = root
    this.#parts = parts
    this.treeFetch = new TreeFetch({
      clock: parts.clock,
      hash: parts.hash,
      sessions: () => this.sessions.values(),
      onBadNode: (session, err) => { this.#onBad(session, err) }
    })
  }

  get manifest (): Manifest | undefined {
    return this.#content?.manifest
  }

  get held (): Bitfield | undefined {
    return this.#content?.held
  }

  get isFull (): boolean {
    return this.sessions.size >= MAX_PEERS_PER_MODEL
  }

  get isPulling (): boolean {
    return this.#pulling !== undefined
  }

  /** True when a connected peer has said that it lacks blocks it wants. */
  get hasLackingPeer (): boolean {
    for (const { theirHoldings, theirUnwanted } of this.sessions.values()) {
      if (theirHoldings === undefined) return true
      if (theirHoldings.count + (theirUnwanted?.count ?? 0) < theirHoldings.length) return true
    }
    return false
  }

  /** What our Hello says. */
  hello (): { mode: Mode, tree: boolean } {
    return { mode: this.#giver === undefined ? Mode.open : Mode.choosing, tree: this.#content !== undefined }
  }

  /**
   * The tree is known; once in the life of a swarm. `held` is kept and changes as blocks come; peers hear of it. `open`
   * makes this node the publisher; `unwanted` is what a partial pull leaves out.
   */
  setContent (
    manifest: Manifest, held: Bitfield, access: BlockAccess,
    options: { open?: OpenPolicy, unwanted?: Bitfield | undefined } = {}
  ): void {
    if (options.open !== undefined) {
      this.#giver = new Giver(manifest.blockCount, this.#parts.random)
      this.#open = options.open
    }
    this.#unwanted = options.unwanted
    this.#access = access
    const uploader = new Uploader({
      access: {
        read: async block => await (this.#access ?? access).read(block),
        getNode: cid => (this.#access ?? access).getNode(cid)
      },
      clock: this.#parts.clock,
      sizeOf: block => manifest.sizeBytes(block),
      isHeld: block => block < held.length && held.has(block),
      ...(this.#giver !== undefined && { giver: this.#giver, open: this.#open }),
      onNothingToGive: session => { this.#tellMode(session) },
      onUnreadable: (block, err) => {
        held.delete(block)
        this.events.onUnreadable?.(block, err)
      },
      onSent: bytes => { this.sentBytes += bytes }
    })
    this.#content = { manifest, held, uploader }
    for (const session of this.sessions.values()) this.#shareContent(session)
  }

  /** The same blocks are read from elsewhere from now on. */
  serveFrom (access: BlockAccess): void {
    this.#access = access
  }

  /** A pull begins: sessions become sources. */
  startPulling (pulling: Pulling): void {
    this.#pulling = pulling
    for (const session of this.sessions.values()) this.#addSource(session)
    pulling.downloader.plan()
  }

  stopPulling (): void {
    this.#pulling?.downloader.stop()
    this.#pulling = undefined
  }

  /** A block is stored: peers hear of it within HAVE_BATCH_MS. */
  announce (block: number): void {
    this.#content?.held.add(block)
    this.#unannounced.push(block)
    this.#cancelAnnounce ??= this.#parts.clock.setTimer(HAVE_BATCH_MS, () => {
      this.#cancelAnnounce = undefined
      const indexes = this.#unannounced
      this.#unannounced = []
      for (const session of this.sessions.values()) session.send({ type: 'have', indexes })
    })
  }

  /** A session after its Hello. One session a peer: the newer replaces the older. */
  join (session: Session): void {
    if (this.#isStopped) {
      session.abort(new ModelswarmError('ERR_STOPPED', 'This node is stopping'), ByeReason.stopping)
      return
    }
    const older = this.sessions.get(session.peerId)
    this.sessions.set(session.peerId, session)
    older?.abort(new ModelswarmError('ERR_PEER_LOST', 'A newer session with this peer took over'), ByeReason.duplicate)
    this.#content?.uploader.join(session)
    if (this.#content !== undefined) this.#sendHoldings(session)
    session.start(this)
    this.treeFetch.ask()
    this.events.onSession?.(session)
  }

  async stop (): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.stopPulling()
    this.#cancelAnnounce?.()
    this.#content?.uploader.stop()
    this.treeFetch.stop(new ModelswarmError('ERR_STOPPED', 'The node was stopped'))
    await Promise.all([...this.sessions.values()].map(async session => { await session.close(ByeReason.stopping) }))
  }

  // --- what sessions tell ---

  onHoldings (session: Session): void {
    this.treeFetch.ask()
    if (this.#content !== undefined) this.#readHoldings(session)
  }

  onHave (session: Session, indexes: readonly number[]): void {
    const holdings = session.theirHoldings
    if (holdings === undefined) return
    const isReceiver = this.#receivers.has(session)
    const scheduler = this.#pulling?.scheduler
    const isSource = scheduler?.sources.has(session.peerId) === true
    for (const index of indexes) {
      if (index >= holdings.length) return session.fail(`Peer announced block ${index} of ${holdings.length}`)
      if (holdings.has(index)) continue
      if (isReceiver) this.#giver?.onHave(session.peerId, index)
      // The scheduler keeps the very same bitfield, and sets the bit itself.
      if (isSource) scheduler.onHave(session.peerId, index)
      else holdings.add(index)
    }
    // The last block of its pull left no grant over to be answered by Mode.
    if (isReceiver && holdings.isFull) this.#tellMode(session)
    this.#pulling?.downloader.plan()
  }

  onMode (session: Session, given: number): void {
    this.#pulling?.scheduler.onMode(session.peerId, session.theirMode, given)
    this.#pulling?.downloader.plan()
  }

  onWant (session: Session, upTo: number): void {
    this.#content?.uploader.onWant(session, upTo)
  }

  onRequest (session: Session, request: RequestMessage): void {
    const uploader = this.#content?.uploader
    if (uploader === undefined) return session.fail('Peer asked for blocks before it was told of any')
    if (!request.cids.every(isCid)) return session.fail('Peer asked for a tree node by a name that is no CID')
    if (request.cids.length > 0) uploader.onNodeRequest(session, request.cids)
    if (request.indexes.length > 0) {
      uploader.onRequest(session, request.indexes, this.#toldMode.get(session) ?? this.hello().mode)
    }
  }

  onCancel (session: Session, indexes: readonly number[]): void {
    this.#content?.uploader.onCancel(session, indexes)
  }

  onReject (session: Session, reject: RejectMessage): void {
    this.treeFetch.onReject(session, reject.cids, reject.retryAfterMs)
    const scheduler = this.#pulling?.scheduler
    if (scheduler === undefined) return
    const retryAt = this.#parts.clock.now() + Math.max(MIN_RETRY_MS, reject.retryAfterMs)
    scheduler.onRefused(session.peerId, reject.indexes, retryAt)
    if (reject.reason === REJECT_NOT_HELD) {
      for (const block of reject.indexes) scheduler.onNotHeld(session.peerId, block)
    }
    this.#pulling?.downloader.plan()
  }

  onBlockStart (session: Session, block: BlockMessage): boolean {
    if (block.cid !== undefined) return this.treeFetch.isWanted(block.cid)
    return this.#pulling?.downloader.onBlockStart(session, block) ?? false
  }

  onBlock (session: Session, block: BlockMessage, payload: Uint8Array): void {
    this.receivedBytes += payload.byteLength
    if (block.cid !== undefined) this.treeFetch.onNode(session, block.cid, payload)
    else this.#pulling?.downloader.onBlock(session, block, payload)
  }

  onBytes (session: Session, bytes: number): void {
    this.#pulling?.scheduler.onBytes(session.peerId, bytes, this.#parts.clock.now())
  }

  onPeers (session: Session, records: readonly Uint8Array[]): void {
    this.events.onPeers?.(session, records)
  }

  onRoundTrip (session: Session, ms: number): void {
    this.#pulling?.scheduler.onRoundTrip(session.peerId, ms)
  }

  onWritable (): void {
    this.#content?.uploader.pump()
  }

  onEnd (session: Session, err: Error | undefined): void {
    if (this.sessions.get(session.peerId) === session) this.sessions.delete(session.peerId)
    this.#content?.uploader.leave(session)
    this.#toldMode.delete(session)
    const receiver = receiverOf(session)
    if (this.#receivers.delete(session) && receiver !== undefined) {
      this.#giver?.leave(receiver)
      for (const other of this.#receivers) this.#tellMode(other)
    }
    if (this.#pulling !== undefined) {
      this.#pulling.scheduler.removeSource(session.peerId)
      this.#pulling.downloader.plan()
    }
    this.treeFetch.onLeave(session)
    this.events.onSessionEnd?.(session, err)
  }

  /** A peer's bytes were wrong: it is no peer of ours any more. */
  onBadBlock (session: Session, err: Error): void {
    this.#onBad(session, err)
  }

  #onBad (session: Session, err: Error): void {
    this.events.onNote?.(`Peer ${session.peerId.slice(-8)} was dropped: ${err.message}`)
    session.abort(err, ByeReason.badBlocks)
  }

  #shareContent (session: Session): void {
    this.#content?.uploader.join(session)
    this.#sendHoldings(session)
    this.#readHoldings(session)
  }

  #sendHoldings (session: Session): void {
    if (this.#content === undefined) return
    const { held, manifest } = this.#content
    session.send({
      type: 'holdings',
      blocks: manifest.blockCount,
      all: held.isFull,
      bits: held.isFull || held.count === 0 ? EMPTY : held.toBytes(),
      unwanted: this.#unwanted === undefined ? EMPTY : this.#unwanted.toBytes()
    })
  }

  #readHoldings (session: Session): void {
    const content = this.#content
    if (content === undefined || session.theirHoldings !== undefined) return
    session.readHoldings(content.manifest.blockCount)
    const receiver = receiverOf(session)
    if (receiver === undefined) return
    if (this.#giver !== undefined && session.theirMode === Mode.open) {
      this.#receivers.add(session)
      this.#giver.join(receiver)
      this.#tellMode(session)
    }
    this.#addSource(session)
  }

  #addSource (session: Session): void {
    if (this.#pulling === undefined || session.theirHoldings === undefined) return
    session.beginGrants()
    this.#pulling.scheduler.addSource(session.peerId, session.theirHoldings, session.theirMode)
    this.#pulling.downloader.plan()
  }

  /** Tells a publisher's peer how it is served now, when that changed. */
  #tellMode (session: Session): void {
    const content = this.#content
    const receiver = receiverOf(session)
    if (content === undefined || receiver === undefined) return
    const mode = content.uploader.modeFor(receiver)
    if (mode === (this.#toldMode.get(session) ?? this.hello().mode)) return
    this.#toldMode.set(session, mode)
    session.send({ type: 'mode', mode, given: content.uploader.endGrant(session) })
  }
}

/** Everything that reads a node by its name may take it for one. */
function isCid (bytes: Uint8Array): boolean {
  try {
    CID.decode(bytes)
    return true
  } catch {
    // multiformats throws plain errors of several kinds; all mean: no CID.
    return false
  }
}

const EMPTY = new Uint8Array(0)
const MIN_RETRY_MS = 100
const REJECT_NOT_HELD = 0
