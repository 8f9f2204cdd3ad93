import { isModelswarmError, ModelswarmError } from '../errors.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { ByeReason, modeOf } from '../wire/protocol.ts'
import { Allowance } from './allowance.ts'
import { BlockSender } from './block-sender.ts'
import { byeError } from './bye-error.ts'
import { Exchange } from './exchange.ts'
import { Grants } from './grants.ts'
import { Keepalive } from './keepalive.ts'
import { PathDelay } from './path-delay.ts'
import { PeerState } from './peer-state.ts'
import type { Clock } from './ports.ts'
import type { SessionHost } from './session-host.ts'
import type { Channel, ChannelSink } from '../wire/channel.ts'
import type { BlockMessage, HaveMessage, HelloMessage, HoldingsMessage, Message } from '../wire/messages.ts'

export interface SessionParts {
  peerId: string
  isOutbound: boolean
  /** Who is behind its address (ip-address.ts), where that tells. */
  host?: string | undefined
  control: Channel
  clock: Clock
  /** Messages that it may send at once. Default: messageBurst. */
  burst?: number
  /** It is over; the error tells whose fault it was. */
  onEnd?: (err: Error | undefined) => void
}

// States of a session, one for a peer and a root; Hello was exchanged before (reception.ts):
//
//   open ──attachData──► attached ──end──► ended
//     └───────────────────end────────────────┘
//
// Control messages flow in both states, blocks only when attached.

// Longer than most: it is one state machine. What has an idea of its own stands beside it: allowance, block-sender,
// bye-error, exchange, grants, keepalive, path-delay, peer-state.

/** The protocol with one peer about one root, after Hello. Knows what they said; decides nothing. */
export class Session {
  readonly peerId: string
  readonly isOutbound: boolean
  readonly host: string | undefined
  /** What they said of themselves. */
  readonly their = new PeerState()
  /** The least round trip measured, in ms; undefined until the first. */
  roundTripMs: number | undefined
  readonly exchange: Exchange
  readonly #control: Channel
  readonly #clock: Clock
  #data: BlockSender | undefined
  #host: SessionHost | undefined
  #state: 'open' | 'attached' | 'ended' = 'open'
  readonly #allowance: Allowance
  readonly #onEnd: (err: Error | undefined) => void
  readonly #keepalive: Keepalive
  readonly #pathDelay = new PathDelay()
  readonly #grants = new Grants()
  #closing: Promise<unknown> = Promise.resolve()
  #isByeHeard = false
  #isBlamed = false

  constructor (parts: SessionParts) {
    this.peerId = parts.peerId
    this.isOutbound = parts.isOutbound
    this.#control = parts.control
    this.#clock = parts.clock
    this.host = parts.host
    this.exchange = new Exchange(parts.clock)
    this.#onEnd = parts.onEnd ?? (() => {})
    this.#allowance = new Allowance(parts.clock.now(), parts.burst ?? WIRE_LIMITS.messageBurst)
    this.#keepalive = new Keepalive({
      peerId: parts.peerId,
      clock: parts.clock,
      ask: () => { this.send({ type: 'alive', answer: false }) },
      onLost: err => { this.abort(err) }
    })
  }

  get isEnded (): boolean {
    return this.#state === 'ended'
  }

  /** Since when the data stream has been full, in the clock's ms; undefined while it can take more. */
  get fullSince (): number | undefined {
    return this.#data?.fullSince
  }

  /** True when a block can be handed to the data stream now. */
  get isWritable (): boolean {
    return this.#state === 'attached' && this.fullSince === undefined
  }

  /** Their Hello was accepted. */
  onHello (hello: HelloMessage): void {
    this.their.onHello(hello)
  }

  /** From now on the host is told. The handshake delivers what came before. */
  start (host: SessionHost): void {
    this.#host = host
    this.#keepalive.start()
  }

  /** The data stream is there, its Attach sent or checked. */
  attachData (channel: Channel): ChannelSink | undefined {
    if (this.#state !== 'open') {
      channel.abort(new ModelswarmError('ERR_PROTOCOL', 'A second data stream for one session'))
      return undefined
    }
    this.#state = 'attached'
    this.#data = new BlockSender({
      channel,
      clock: this.#clock,
      onWritable: () => { this.#host?.onWritable(this) },
      onFailed: err => { this.abort(err) }
    })
    this.#host?.onWritable(this)
    return {
      onMessage: () => { this.fail('Peer sent a control message on the data stream') },
      onBlockStart: block => this.#onBlockStart(block),
      onBlock: (block, payload) => {
        if (this.#state !== 'ended') this.#host?.onBlock(this, block, payload)
      },
      onUnknown: () => { this.onUnknown() },
      onBytes: bytes => {
        this.#keepalive.onHeard()
        this.#host?.onBytes(this, bytes)
      },
      onEnd: err => {
        // The control stream is there yet to say so.
        if (isModelswarmError(err, 'ERR_BAD_FRAME', 'ERR_PROTOCOL')) this.abort(err, ByeReason.protocolError)
        else this.#end(err)
      }
    }
  }

  /** For the control channel's sink: one message after Hello. */
  onMessage (message: Message): void {
    const host = this.#host
    // The end of the data stream may overtake it.
    if (message.type === 'bye' && !this.#isByeHeard) {
      this.#isByeHeard = true
      host?.onBye(this, message.reason)
    }
    if (this.#state === 'ended' || host === undefined) return
    this.#keepalive.onHeard()
    if (this.#isFlood(this.#allowance.onMessage(message, this.#clock.now()))) return
    switch (message.type) {
      case 'holdings': return this.#onHoldings(message, host)
      case 'have': return this.#onHave(message, host)
      case 'want': return host.onWant(this, message.upTo, message.modes)
      case 'mode':
        this.their.mode = modeOf(message.mode)
        return host.onMode(this, this.#grants.onMode(message.given))
      case 'request': return host.onRequest(this, message)
      case 'cancel': return host.onCancel(this, message.indexes)
      case 'reject': return host.onReject(this, message)
      case 'peers': return host.onPeers(this, message.records)
      case 'alive': return this.#onAlive(message.answer, host)
      case 'bye': return this.#end(byeError(message.reason, this.peerId))
      case 'hello': case 'attach': case 'block':
        this.fail(`Peer sent ${message.type} in the middle of a session`)
    }
  }

  /** A frame of no known kind came, on either stream. */
  onUnknown (): void {
    this.#isFlood(this.#allowance.onUnknown())
  }

  onControlEnd (err: Error | undefined): void {
    this.#end(err)
  }

  /** Our manifest is known: what they said they hold can be read now. */
  readHoldings (blockCount: number): void {
    this.#takes(() => { this.their.readHoldings(blockCount) })
  }

  send (message: Message): void {
    if (this.#state === 'ended') return
    this.#allowance.onSent(message)
    this.#control.send(message)
  }

  /** Announces blocks, held and coming; with those held goes how long what they sent us lately has queued. */
  announce (indexes: readonly number[], coming: readonly number[] = []): void {
    const queuedMs = indexes.length > 0 ? this.#pathDelay.take() : undefined
    this.send({ type: 'have', indexes, queuedMs, ...(coming.length > 0 && { coming }) })
  }

  /** A pull begins: what it grants comes on top of what earlier pulls of this session did. */
  beginGrants (): void {
    this.#grants.begin()
  }

  /** Grants a publisher bytes of its choice, as a sum since the pull began; Want counts from the session's start. */
  grant (upTo: number): void {
    this.send({ type: 'want', upTo: this.#grants.raise(upTo), modes: this.#grants.modes })
  }

  /** Hands a block or tree node to the data stream; allowed while isWritable. The payload is handed over. */
  sendBlock (block: { index: number, cid?: Uint8Array }, payload: Uint8Array): void {
    if (block.cid === undefined) this.exchange.onSent(block.index, payload.byteLength)
    this.#data?.send(block, payload)
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

  /** What it sent before it ended was wrong: that is held against it as if it had been dropped for it, once. */
  blame (err: Error): void {
    if (this.#state !== 'ended' || this.#isBlamed) return
    this.#isBlamed = true
    this.#onEnd(err)
  }

  #onBlockStart (block: BlockMessage): boolean {
    const host = this.#host
    if (this.#state === 'ended') return false
    if (host === undefined) throw new ModelswarmError('ERR_PROTOCOL', 'Block before the session began')
    if (block.sentMs !== undefined) this.#pathDelay.onBlock(block.sentMs, this.#clock.now())
    const arrival = host.onBlockStart(this, block)
    if (arrival === 'unasked') this.#isFlood(this.#allowance.onUseless(block))
    return arrival === 'wanted'
  }

  /** Ends the session when something was too much. */
  #isFlood (what: string | undefined): boolean {
    if (what === undefined) return false
    this.abort(new ModelswarmError('ERR_FLOOD', what, { sourceId: this.peerId }), ByeReason.protocolError)
    return true
  }

  #onHoldings (message: HoldingsMessage, host: SessionHost): void {
    if (this.#takes(() => { this.their.onHoldings(message) })) host.onHoldings(this)
  }

  #onHave (have: HaveMessage, host: SessionHost): void {
    if (this.their.holdings !== undefined) return host.onHave(this, have)
    this.#takes(() => { this.their.onEarlyHave(have.indexes) })
  }

  /** False when what they said does not fit: the session is over. */
  #takes (read: () => void): boolean {
    try {
      read()
      return true
    } catch (err) {
      this.fail(err instanceof RangeError ? err.message : 'Peer sent holdings that cannot be read')
      return false
    }
  }

  #onAlive (isAnswer: boolean, host: SessionHost): void {
    if (!isAnswer) return this.send({ type: 'alive', answer: true })
    const roundTripMs = this.#keepalive.onAnswer()
    if (roundTripMs === undefined) return
    this.roundTripMs = Math.min(roundTripMs, this.roundTripMs ?? Infinity)
    host.onRoundTrip(this, roundTripMs)
  }

  /** Neither stream outlives the session, whichever of the two ended it. */
  #end (err: Error | undefined): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#isBlamed = isModelswarmError(err, 'ERR_BAD_BLOCK')
    this.#keepalive.stop()
    const data = this.#data
    this.#data = undefined
    data?.stop(err)
    this.#onEnd(err)
    this.#host?.onEnd(this, err)
    // A word of farewell may be on its way: the control stream is closed, not reset.
    this.#closing = Promise.all([this.#control.close(), data?.close()])
  }
}
