import { KEEPALIVE_MS } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { Bitfield } from '../model/bitfield.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { ByeReason, Mode } from '../wire/protocol.ts'
import type { Clock } from './ports.ts'
import type { Channel, ChannelSink } from '../wire/channel.ts'
import type {
  BlockMessage, HelloMessage, HoldingsMessage, Message, RejectMessage, RequestMessage
} from '../wire/messages.ts'

/** What a session tells the swarm it belongs to. */
export interface SessionHost {
  /** Their tree state or holdings became known, or more of either. */
  onHoldings: (session: Session) => void
  onHave: (session: Session, indexes: readonly number[]) => void
  onMode: (session: Session, given: number) => void
  onWant: (session: Session, upTo: number) => void
  onRequest: (session: Session, request: RequestMessage) => void
  onCancel: (session: Session, indexes: readonly number[]) => void
  onReject: (session: Session, reject: RejectMessage) => void
  /** The header of a block; false when its payload will be of no use. */
  onBlockStart: (session: Session, block: BlockMessage) => boolean
  onBlock: (session: Session, block: BlockMessage, payload: Uint8Array) => void
  /** Bytes came on the data stream, whole frames or not. */
  onBytes: (session: Session, bytes: number) => void
  onPeers: (session: Session, records: readonly Uint8Array[]) => void
  onRoundTrip: (session: Session, ms: number) => void
  /** The data stream can take more. */
  onWritable: (session: Session) => void
  /** Called once, last. */
  onEnd: (session: Session, err: Error | undefined) => void
}

export interface SessionParts {
  peerId: string
  isOutbound: boolean
  control: Channel
  clock: Clock
}

// States of a session, one for a peer and a root; Hello was exchanged before (handshake.ts):
//
//   open ──attachData──► attached ──end──► ended
//     └───────────────────end────────────────┘
//
// Control messages flow in both states, blocks only when attached.

/** The protocol with one peer about one root, after Hello. Knows what they said; decides nothing. */
export class Session {
  readonly peerId: string
  readonly isOutbound: boolean
  /** How they serve blocks. */
  theirMode: Mode = Mode.open
  /** Their tree can be asked for. */
  theirTree = false
  /** What they hold; undefined until they said so and our manifest is known. */
  theirHoldings: Bitfield | undefined
  /** What they will never want. */
  theirUnwanted: Bitfield | undefined
  /** Payload of blocks and tree handed to their socket. */
  sentBytes = 0
  receivedBytes = 0
  readonly #control: Channel
  readonly #clock: Clock
  #data: Channel | undefined
  #host: SessionHost | undefined
  #state: 'open' | 'attached' | 'ended' = 'open'
  #saidHoldings: HoldingsMessage | undefined
  #haveBeforeHoldings: number[] = []
  #granted = 0
  #grantedBefore = 0
  #closing: Promise<unknown> = Promise.resolve()
  #fullSince: number | undefined
  #unknownFrames = 0
  #unaskedBlocks = 0
  #pingedAt: number | undefined
  #heardAt: number
  #cancelTimer: () => void = () => {}

  constructor (parts: SessionParts) {
    this.peerId = parts.peerId
    this.isOutbound = parts.isOutbound
    this.#control = parts.control
    this.#clock = parts.clock
    this.#heardAt = parts.clock.now()
  }

  get isEnded (): boolean {
    return this.#state === 'ended'
  }

  /** Since when the data stream has been full, in the clock's ms; undefined while it can take more. */
  get fullSince (): number | undefined {
    return this.#fullSince
  }

  /** True when a block can be handed to the data stream now. */
  get isWritable (): boolean {
    return this.#state === 'attached' && this.#fullSince === undefined
  }

  /** Their Hello was accepted. */
  onHello (hello: HelloMessage): void {
    this.theirMode = toMode(hello.mode)
    this.theirTree = hello.tree
  }

  /** From now on the host is told. The handshake delivers what came before. */
  start (host: SessionHost): void {
    this.#host = host
    this.#ping()
    this.#armTimer()
  }

  /** The data stream is there, its Attach sent or checked. */
  attachData (data: Channel): ChannelSink | undefined {
    if (this.#state !== 'open') {
      data.abort(new ModelswarmError('ERR_PROTOCOL', 'A second data stream for one session'))
      return undefined
    }
    this.#state = 'attached'
    this.#data = data
    this.#host?.onWritable(this)
    return {
      onMessage: () => { this.fail('Peer sent a control message on the data stream') },
      onBlockStart: block => { this.#onBlockStart(block) },
      onBlock: (block, payload) => {
        if (this.#state === 'ended') return
        this.receivedBytes += payload.byteLength
        this.#host?.onBlock(this, block, payload)
      },
      onUnknown: () => { this.#onUnknown() },
      onBytes: bytes => {
        this.#heardAt = this.#clock.now()
        this.#host?.onBytes(this, bytes)
      },
      onEnd: err => { this.#end(err) }
    }
  }

  /** For the control channel's sink: one message after Hello. */
  onMessage (message: Message): void {
    const host = this.#host
    if (this.#state === 'ended') return
    if (host === undefined) return
    this.#heardAt = this.#clock.now()
    switch (message.type) {
      case 'holdings': return this.#onHoldings(message, host)
      case 'have': return this.#onHave(message.indexes, host)
      case 'want': return host.onWant(this, message.upTo)
      case 'mode':
        this.theirMode = toMode(message.mode)
        return host.onMode(this, Math.max(0, message.given - this.#grantedBefore))
      case 'request': return host.onRequest(this, message)
      case 'cancel': return host.onCancel(this, message.indexes)
      case 'reject': return host.onReject(this, message)
      case 'peers': return host.onPeers(this, message.records)
      case 'alive': return this.#onAlive(message.answer, host)
      case 'bye': return this.#onBye(message.reason)
      case 'hello': case 'attach': case 'block':
        this.fail(`Peer sent ${message.type} in the middle of a session`)
    }
  }

  onUnknownControl (): void {
    this.#onUnknown()
  }

  onControlEnd (err: Error | undefined): void {
    this.#end(err)
  }

  /** Our manifest is known: what they said they hold can be read now. */
  readHoldings (blockCount: number): void {
    const said = this.#saidHoldings
    if (said === undefined || this.theirHoldings !== undefined) return
    if (said.blocks !== blockCount) {
      return this.fail(`Peer speaks of ${said.blocks} blocks; the tree has ${blockCount}`)
    }
    try {
      const holdings = said.bits.byteLength === 0 ? new Bitfield(blockCount) : Bitfield.fromBytes(said.bits, blockCount)
      if (said.all) holdings.fill()
      const unwanted = said.unwanted.byteLength === 0 ? undefined : Bitfield.fromBytes(said.unwanted, blockCount)
      for (const index of this.#haveBeforeHoldings) {
        if (index < blockCount) holdings.add(index)
      }
      this.theirHoldings = holdings
      this.theirUnwanted = unwanted
      this.#haveBeforeHoldings = []
    } catch (err) {
      this.fail(err instanceof RangeError ? err.message : 'Peer sent holdings that cannot be read')
    }
  }

  send (message: Message): void {
    if (this.#state !== 'ended') this.#control.send(message)
  }

  /** A pull begins: what it grants comes on top of what earlier pulls of this session did. */
  beginGrants (): void {
    this.#grantedBefore = this.#granted
  }

  /**
   * Grants a publisher bytes of its choice, as a sum since the pull began; Want counts from the start of the session.
   */
  grant (upTo: number): void {
    this.#granted = Math.max(this.#granted, this.#grantedBefore + upTo)
    this.send({ type: 'want', upTo: this.#granted })
  }

  /** Hands a block or tree node to the data stream; allowed while isWritable. The payload is handed over. */
  sendBlock (block: { index: number, cid?: Uint8Array, encoding?: number }, payload: Uint8Array): void {
    const data = this.#data
    if (this.#state !== 'attached' || data === undefined) return
    this.sentBytes += payload.byteLength
    const canSendMore = data.send({
      type: 'block',
      index: block.index,
      cid: block.cid,
      payloadBytes: payload.byteLength,
      encoding: block.encoding ?? 0
    }, payload)
    if (canSendMore || this.isEnded) return
    this.#fullSince = this.#clock.now()
    data.drained().then(() => {
      this.#fullSince = undefined
      this.#host?.onWritable(this)
    }).catch((err: unknown) => { this.abort(err instanceof Error ? err : new Error('Sending failed')) })
  }

  /** Ends the session politely. */
  async close (reason: ByeReason): Promise<void> {
    if (this.#state === 'ended') return
    this.send({ type: 'bye', reason })
    this.#end(undefined)
    await this.#closing
  }

  /** Ends the session because the peer broke the protocol. */
  fail (what: string): void {
    this.abort(new ModelswarmError('ERR_PROTOCOL', what, { sourceId: this.peerId }), ByeReason.protocolError)
  }

  /** Ends the session at once, with a word to the other side if its socket takes it. */
  abort (err: Error, reason: ByeReason = ByeReason.stopping): void {
    if (this.#state === 'ended') return
    this.send({ type: 'bye', reason })
    this.#end(err)
  }

  #onBlockStart (block: BlockMessage): void {
    const host = this.#host
    if (this.#state === 'ended') return
    if (host === undefined) throw new ModelswarmError('ERR_PROTOCOL', 'Block before the session began')
    if (host.onBlockStart(this, block)) return
    // Crossings with a cancel are fine; a flood is not.
    if (++this.#unaskedBlocks > WIRE_LIMITS.unaskedBlocks) {
      throw new ModelswarmError('ERR_PROTOCOL', 'Peer sends blocks nobody asked for', { sourceId: this.peerId })
    }
  }

  #onHoldings (message: HoldingsMessage, host: SessionHost): void {
    if (this.#saidHoldings !== undefined) return this.fail('Peer sent its holdings twice')
    this.#saidHoldings = message
    this.theirTree = true
    host.onHoldings(this)
  }

  #onHave (indexes: readonly number[], host: SessionHost): void {
    if (this.theirHoldings !== undefined) return host.onHave(this, indexes)
    if (this.#haveBeforeHoldings.length + indexes.length > WIRE_LIMITS.blocks / 16) {
      return this.fail('Peer announces blocks without saying what it holds')
    }
    this.#haveBeforeHoldings.push(...indexes)
  }

  #onAlive (isAnswer: boolean, host: SessionHost): void {
    if (!isAnswer) return this.send({ type: 'alive', answer: true })
    if (this.#pingedAt === undefined) return
    host.onRoundTrip(this, this.#clock.now() - this.#pingedAt)
    this.#pingedAt = undefined
  }

  #onBye (reason: number): void {
    this.#end(byeError(reason, this.peerId))
  }

  #onUnknown (): void {
    if (++this.#unknownFrames > WIRE_LIMITS.unknownFrames) this.fail('Peer sends messages of no known kind without end')
  }

  #ping (): void {
    // An answer belongs to the oldest question: a round trip is rather too long than too short.
    this.#pingedAt ??= this.#clock.now()
    this.send({ type: 'alive', answer: false })
  }

  #armTimer (): void {
    if (this.#state === 'ended') return
    this.#cancelTimer = this.#clock.setTimer(KEEPALIVE_MS, () => {
      const quietMs = this.#clock.now() - this.#heardAt
      if (quietMs > 3 * KEEPALIVE_MS) {
        return this.abort(new ModelswarmError('ERR_PEER_LOST',
          `Peer has been silent for ${Math.round(quietMs / 1000)} s`, { sourceId: this.peerId }))
      }
      if (quietMs > KEEPALIVE_MS / 2) this.#ping()
      this.#armTimer()
    })
  }

  /** Neither stream outlives the session, whichever of the two ended it. */
  #end (err: Error | undefined): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#cancelTimer()
    const data = this.#data
    this.#data = undefined
    if (err !== undefined) data?.abort(err)
    this.#host?.onEnd(this, err)
    // A word of farewell may be on its way: the control stream is closed, not reset.
    this.#closing = Promise.all([this.#control.close(), data?.close()])
  }
}

function toMode (mode: number): Mode {
  return mode === Mode.choosing || mode === Mode.spare || mode === Mode.closed ? mode : Mode.open
}

function byeError (reason: number, sourceId: string): ModelswarmError | undefined {
  switch (reason) {
    case ByeReason.unknownRoot:
      return new ModelswarmError('ERR_NOT_HELD', 'Peer does not know this root', { sourceId })
    case ByeReason.full: return new ModelswarmError('ERR_PEER_LOST', 'Peer has no room for another peer', { sourceId })
    case ByeReason.protocolError:
      return new ModelswarmError('ERR_PEER_LOST', 'Peer says that we broke the protocol', { sourceId })
    case ByeReason.badBlocks:
      return new ModelswarmError('ERR_PEER_LOST', 'Peer says that our blocks were wrong', { sourceId })
    default: return undefined
  }
}
