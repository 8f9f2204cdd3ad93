import { MAX_PEERS_PER_MODEL } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { ByeReason, Mode, RejectReason } from '../wire/protocol.ts'
import { Content } from './content.ts'
import { TreeFetch } from './tree-fetch.ts'
import { boundUnread } from './unread-holdings.ts'
import type { Downloader } from './downloader.ts'
import type { BlockAccess, SwarmParts } from './ports.ts'
import type { SessionHost } from './session-host.ts'
import type { Session } from './session.ts'
import type { SwarmEvents } from './swarm-events.ts'
import type { OpenPolicy } from '../api.ts'
import type { Bitfield } from '../model/bitfield.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Arrival } from '../schedule/ledger.ts'
import type { BlockMessage, HaveMessage, RejectMessage, RequestMessage } from '../wire/messages.ts'
import type { CID } from 'multiformats/cid'

/**
 * The peers that exchange one root: its sessions, what it serves them (Content), what a pull asks of them (Downloader).
 * Decides nothing: these three hear of each other here, a method for each word of the protocol, which makes this file
 * long. Knows no libp2p, time, disk: ports.
 */
export class Swarm implements SessionHost {
  readonly root: CID
  readonly treeFetch: TreeFetch
  readonly sessions = new Map<string, Session>()
  events: SwarmEvents = {}
  /** Payload of blocks and tree handed to sockets, and received. */
  sentBytes = 0
  receivedBytes = 0
  /** Peers that could not read what they were asked for. */
  readonly unreadableAt = new Set<string>()
  readonly #parts: SwarmParts
  #content: Content | undefined
  #downloader: Downloader | undefined
  #isStopped = false

  constructor (root: CID, parts: SwarmParts) {
    this.root = root
    this.#parts = parts
    this.treeFetch = new TreeFetch({
      clock: parts.clock,
      hash: parts.hash,
      sessions: () => this.sessions.values(),
      onBadNode: (session, err) => { this.onBadBlock(session, err) }
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

  /** A connected peer has said that it lacks blocks it wants. */
  get hasLackingPeer (): boolean {
    return [...this.sessions.values()].some(({ their }) => their.lacksBlocks)
  }

  /** What our Hello says. */
  hello (): { mode: Mode, tree: boolean } {
    return { mode: this.#content?.helloMode ?? Mode.open, tree: this.#content !== undefined }
  }

  /**
   * The tree is known; once in the life of a swarm. `held` is kept and changes as blocks come; peers hear of it. `open`
   * makes this node the publisher; `unwanted` is what a partial pull leaves out.
   */
  setContent (
    manifest: Manifest, held: Bitfield, access: BlockAccess,
    options: { open?: OpenPolicy, unwanted?: Bitfield | undefined } = {}
  ): void {
    const content = new Content({
      manifest,
      held,
      access,
      ...options,
      clock: this.#parts.clock,
      random: this.#parts.random,
      sessions: () => this.sessions.values(),
      isComing: block => this.#downloader?.isComing(block) ?? false,
      onSent: bytes => { this.sentBytes += bytes },
      onUnreadable: (block, err) => { this.events.onUnreadable?.(block, err) }
    })
    this.#content = content
    this.treeFetch.onComplete()
    for (const session of this.sessions.values()) {
      content.join(session)
      this.#readHoldings(session)
    }
  }

  /** The same blocks are read from elsewhere from now on. */
  serveFrom (access: BlockAccess): void {
    this.#content?.serveFrom(access)
  }

  /** A pull begins: sessions become sources. */
  startPulling (downloader: Downloader): void {
    this.#downloader = downloader
    for (const session of this.sessions.values()) this.#addSource(session)
    downloader.plan()
  }

  stopPulling (): void {
    this.#downloader?.stop()
    this.#downloader = undefined
    this.#content?.uploader.pump()
  }

  /** What is held turned out to be this: what is new is announced, what is gone is not offered any more. */
  setHeld (now: Bitfield): void {
    this.#content?.setHeld(now)
  }

  /** A block is stored: peers hear of it soon. */
  announce (block: number): void {
    this.#content?.announce(block)
  }

  /** A session after its Hello: of one peer, the newer replaces the older. */
  join (session: Session): void {
    if (this.#isStopped) return session.abort(new ModelswarmError('ERR_STOPPED', 'This node is stopping'))
    const older = this.sessions.get(session.peerId)
    this.sessions.set(session.peerId, session)
    older?.abort(new ModelswarmError('ERR_PEER_LOST', 'A newer session with this peer took over'), ByeReason.duplicate)
    this.#content?.join(session)
    session.start(this)
    this.treeFetch.ask()
    this.events.onSession?.(session)
  }

  async stop (): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.stopPulling()
    this.#content?.stop()
    this.treeFetch.stop(new ModelswarmError('ERR_STOPPED', 'The node was stopped'))
    await Promise.all([...this.sessions.values()].map(async session => { await session.close(ByeReason.stopping) }))
  }

  // --- what sessions tell ---

  onHoldings (session: Session): void {
    this.treeFetch.ask()
    this.#readHoldings(session)
    boundUnread(this.sessions.values())
  }

  onHave (session: Session, { indexes, coming = [], queuedMs }: HaveMessage): void {
    const holdings = session.their.holdings
    if (holdings === undefined) return
    const isBeyond = (index: number): boolean => index >= holdings.length
    const beyond = indexes.find(isBeyond) ?? coming.find(isBeyond)
    if (beyond !== undefined) return session.fail(`Peer announced block ${beyond} of ${holdings.length}`)
    for (const index of indexes) {
      if (holdings.has(index)) continue
      session.exchange.onNews(index)
      this.#content?.onHave(session, index, queuedMs)
      if (this.#downloader?.onHave(session, index) !== true) holdings.add(index)
    }
    for (const index of coming) this.#downloader?.onComing(session, index)
    if (holdings.isFull) this.#content?.onComplete(session)
    this.#content?.uploader.pump()
    this.#downloader?.plan()
  }

  onMode (session: Session, given: number): void {
    this.#downloader?.onMode(session, given)
  }

  onWant (session: Session, upTo: number, modes: number): void {
    this.#content?.uploader.onWant(session, upTo, modes)
  }

  onRequest (session: Session, request: RequestMessage): void {
    if (this.#content === undefined) return session.fail('Peer asked for blocks before it was told of any')
    this.#content.onRequest(session, request)
  }

  onCancel (session: Session, indexes: readonly number[]): void {
    this.#content?.uploader.onCancel(session, indexes)
  }

  onReject (session: Session, reject: RejectMessage): void {
    if (reject.reason === RejectReason.unreadable) this.unreadableAt.add(session.peerId)
    this.treeFetch.onReject(session, reject.cids, reject.retryAfterMs)
    this.#downloader?.onReject(session, reject)
    this.#content?.uploader.pump()
  }

  onBlockStart (session: Session, block: BlockMessage): Arrival {
    const arrival = block.cid === undefined
      ? this.#downloader?.onBlockStart(session, block) ?? 'unasked'
      : this.treeFetch.onNodeStart(session, block.cid, block.payloadBytes) ? 'wanted' : 'unasked'
    // What is skipped was received all the same.
    if (arrival !== 'wanted') this.receivedBytes += block.payloadBytes
    else if (block.cid === undefined) this.#content?.onComing(session, block.index)
    return arrival
  }

  onBlock (session: Session, block: BlockMessage, payload: Uint8Array): void {
    this.receivedBytes += payload.byteLength
    if (block.cid !== undefined) this.treeFetch.onNode(session, block.cid, payload)
    else this.#downloader?.onBlock(session, block, payload)
  }

  onBytes (session: Session, bytes: number): void {
    this.#downloader?.onBytes(session, bytes)
  }

  onPeers (session: Session, records: readonly Uint8Array[]): void {
    this.events.onPeers?.(session, records)
  }

  onRoundTrip (session: Session, ms: number): void {
    this.#downloader?.onRoundTrip(session, ms)
  }

  onWritable (): void {
    this.#content?.uploader.pump()
  }

  onBye (session: Session, reason: number): void {
    if (reason === ByeReason.badBlocks) this.#content?.doubt(session.exchange.sentLately)
  }

  onEnd (session: Session, err: Error | undefined): void {
    if (this.sessions.get(session.peerId) === session) this.sessions.delete(session.peerId)
    this.unreadableAt.delete(session.peerId)
    // In this order: what was coming from it is not any more when the others are looked at.
    this.#downloader?.leave(session)
    this.#content?.leave(session)
    this.treeFetch.onLeave(session)
    this.events.onSessionEnd?.(session, err)
  }

  /** A peer's bytes were wrong: it is no peer of ours any more. */
  onBadBlock (session: Session, err: Error): void {
    // It has left meanwhile, or was dropped for another one.
    if (session.isEnded) return session.blame(err)
    this.events.onNote?.(`Peer ${session.peerId.slice(-8)} was dropped: ${err.message}`)
    session.abort(err, ByeReason.badBlocks)
  }

  #readHoldings (session: Session): void {
    if (this.#content?.readHoldings(session) === true) this.#addSource(session)
  }

  #addSource (session: Session): void {
    if (session.their.holdings !== undefined) this.#downloader?.join(session, session.their.holdings)
  }
}
