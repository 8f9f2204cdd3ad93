import { CID } from 'multiformats/cid'
import { REREAD_MS } from '../defaults.ts'
import { isModelswarmError } from '../errors.ts'
import { Mode } from '../wire/protocol.ts'
import { Announcer } from './announcer.ts'
import { Doubts } from './doubts.ts'
import { Giver, receiverOf } from './giver.ts'
import { Uploader } from './uploader.ts'
import type { BlockAccess, Clock } from './ports.ts'
import type { Session } from './session.ts'
import type { OpenPolicy } from '../api.ts'
import type { Bitfield } from '../model/bitfield.ts'
import type { Manifest } from '../model/manifest.ts'
import type { RequestMessage } from '../wire/messages.ts'

export interface ContentParts {
  manifest: Manifest
  /** Kept, and changed as blocks come. */
  held: Bitfield
  access: BlockAccess
  clock: Clock
  random: () => number
  /** Makes this node the publisher, and says what it does after its pass. */
  open?: OpenPolicy
  /** What a partial pull leaves out. */
  unwanted?: Bitfield | undefined
  sessions: () => Iterable<Session>
  /** The bytes of a block are coming in, or being verified and written. */
  isComing: (block: number) => boolean
  onSent: (bytes: number) => void
  /** A block could not be read: unless the disk failed, it is not held any more. */
  onUnreadable: (block: number, err: unknown) => void
}

/**
 * The serving half of a swarm, there once the tree is known: tells peers what we hold of the model, and gives it to
 * them; as the publisher, tells each how it is served. Joins uploader, giver, announcer and doubts, which do the work.
 */
export class Content {
  readonly manifest: Manifest
  readonly held: Bitfield
  readonly uploader: Uploader
  readonly #parts: ContentParts
  readonly #giver: Giver | undefined
  #access: BlockAccess
  readonly #doubts: Doubts
  /** Peers that hold, or came to hold, by pulling: what the giver counts. Other publishers are not among them. */
  readonly #receivers = new Set<Session>()
  readonly #toldMode = new Map<Session, Mode>()
  readonly #announcer: Announcer
  readonly #cancelRereads = new Set<() => void>()

  constructor (parts: ContentParts) {
    const { manifest, held, open } = parts
    this.manifest = manifest
    this.held = held
    this.#parts = parts
    this.#access = parts.access
    this.#announcer = new Announcer(parts.clock, parts.sessions)
    this.#giver = open === undefined ? undefined : new Giver(manifest.blockCount, parts.random)
    this.uploader = new Uploader({
      access: {
        read: async block => await this.#access.read(block),
        getNode: cid => this.#access.getNode(cid)
      },
      clock: parts.clock,
      sizeOf: block => manifest.sizeBytes(block),
      maxBlockBytes: manifest.maxBlockBytes,
      isHeld: block => block < held.length && held.has(block),
      isComing: block => this.#isKept && parts.isComing(block),
      ...(this.#giver !== undefined && open !== undefined && { giver: this.#giver, open }),
      onGrantVoid: session => { this.#sendMode(session, this.#toldMode.get(session) ?? this.helloMode) },
      onNothingToGive: session => { this.#tellMode(session) },
      onUnreadable: (block, err) => {
        // A disk that fails may recover: the block stays, and who asked for it asks again later.
        if (isModelswarmError(err, 'ERR_DISK')) this.#giveLater(block)
        else this.#lose(block)
        parts.onUnreadable(block, err)
      },
      onSent: parts.onSent
    })
    this.#doubts = new Doubts({
      clock: parts.clock,
      isHeld: block => held.has(block),
      recheck: async block => {
        try {
          return await this.#access.recheck?.(block) ?? true
        } catch (err) {
          parts.onUnreadable(block, err)
          throw err
        }
      },
      onLost: block => { this.#lose(block) }
    })
  }

  /** How our Hello says that we serve. */
  get helloMode (): Mode {
    return this.#giver === undefined ? Mode.open : Mode.choosing
  }

  /** Who wants nothing only looks at what it asks for, and has it for nobody. */
  get #isKept (): boolean {
    return this.#parts.unwanted?.isFull !== true
  }

  /** The same blocks are read from elsewhere from now on. */
  serveFrom (access: BlockAccess): void {
    this.#access = access
  }

  /** A block is stored: peers hear of it soon. */
  announce (block: number): void {
    if (!this.held.has(block)) this.#giver?.restore(block)
    this.held.add(block)
    this.#announcer.add(block)
    this.uploader.onHeld(block)
  }

  /** A block begins to come from this peer: others may ask for it already, and get it as soon as it is held. */
  onComing (session: Session, block: number): void {
    if (this.#isKept) this.#announcer.addComing(block, session)
  }

  /** What is held turned out to be this: what is new is announced, what is gone is not offered any more. */
  setHeld (now: Bitfield): void {
    const { held } = this
    for (let block = 0; block < held.length; block++) {
      if (now.has(block) === held.has(block)) continue
      if (now.has(block)) this.announce(block)
      else this.#lose(block)
    }
  }

  /** A peer says that some of these came wrong from us: they are read and hashed again. */
  doubt (blocks: readonly number[]): void {
    this.#doubts.add(blocks)
  }

  /** A publisher's block that its disk did not give returns to the pool after a pause: a dead disk costs little. */
  #giveLater (block: number): void {
    const giver = this.#giver
    if (giver === undefined) return
    const cancel = this.#parts.clock.setTimer(REREAD_MS, () => {
      this.#cancelRereads.delete(cancel)
      if (!this.held.has(block)) return
      giver.restore(block)
      for (const session of this.#receivers) this.#tellMode(session)
      this.uploader.pump()
    })
    this.#cancelRereads.add(cancel)
  }

  /**
   * A block is not here any more. Nobody is told: who asks for it is rejected as notHeld, and a new session begins with
   * what is held then.
   */
  #lose (block: number): void {
    this.held.delete(block)
    this.#giver?.drop(block)
  }

  /** A peer is there: it is told what we hold, before anything else about blocks. */
  join (session: Session): void {
    this.uploader.join(session)
    const { held, manifest } = this
    session.send({
      type: 'holdings',
      blocks: manifest.blockCount,
      all: held.isFull,
      bits: held.isFull || held.count === 0 ? EMPTY : held.toBytes(),
      unwanted: this.#parts.unwanted === undefined ? EMPTY : this.#parts.unwanted.toBytes()
    })
  }

  /** Reads what a peer has said it holds; false when it has not, or had been read before. */
  readHoldings (session: Session): boolean {
    if (session.their.holdings !== undefined) return false
    session.readHoldings(this.manifest.blockCount)
    const receiver = receiverOf(session)
    if (receiver === undefined) return false
    if (this.#giver !== undefined && session.their.mode === Mode.open) {
      this.#receivers.add(session)
      this.#giver.join(receiver)
      this.#tellMode(session)
    }
    return true
  }

  /** A peer announced a block for the first time; it is not among its holdings yet. */
  onHave (session: Session, block: number, queuedMs: number | undefined): void {
    this.uploader.onHave(session, block, queuedMs)
    if (this.#receivers.has(session)) this.#giver?.onHave(session.peerId, block)
  }

  /** A peer holds everything: the last block of its pull left no grant over to be answered by Mode. */
  onComplete (session: Session): void {
    if (this.#receivers.has(session)) this.#tellMode(session)
  }

  onRequest (session: Session, request: RequestMessage): void {
    if (!request.cids.every(isCid)) return session.fail('Peer asked for a tree node by a name that is no CID')
    if (request.cids.length > 0) this.uploader.onNodeRequest(session, request)
    if (request.indexes.length > 0) {
      this.uploader.onRequest(session, request.indexes, this.#toldMode.get(session) ?? this.helloMode)
    }
  }

  leave (session: Session): void {
    this.uploader.leave(session)
    this.#toldMode.delete(session)
    const receiver = receiverOf(session)
    if (!this.#receivers.delete(session) || receiver === undefined) return
    this.#giver?.leave(receiver)
    for (const other of this.#receivers) this.#tellMode(other)
  }

  stop (): void {
    this.#announcer.stop()
    for (const cancel of this.#cancelRereads) cancel()
    this.#cancelRereads.clear()
    this.#doubts.stop()
    this.uploader.stop()
  }

  /** Tells a publisher's peer how it is served now, when that changed. */
  #tellMode (session: Session): void {
    const receiver = receiverOf(session)
    if (receiver === undefined) return
    const mode = this.uploader.modeFor(receiver)
    if (mode === (this.#toldMode.get(session) ?? this.helloMode)) return
    this.#toldMode.set(session, mode)
    this.#sendMode(session, mode)
  }

  #sendMode (session: Session, mode: Mode): void {
    session.send({ type: 'mode', mode, given: this.uploader.endGrant(session) })
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
