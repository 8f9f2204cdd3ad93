import { ModelswarmError } from '../errors.ts'
import { sameBytes } from '../model/block-id.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { ByeReason, Feature, IDENTITY_ENCODING } from '../wire/protocol.ts'
import { Attachments } from './attachments.ts'
import { byeError } from './bye-error.ts'
import { Door } from './door.ts'
import { Greetings } from './greetings.ts'
import { hostOf } from './ip-address.ts'
import { proofOf } from './proof.ts'
import { makeRoom } from './seats.ts'
import { Session } from './session.ts'
import type { Clock } from './ports.ts'
import type { Reputation } from './reputation.ts'
import type { SessionParts } from './session.ts'
import type { Swarm } from './swarm.ts'
import type { Channel } from '../wire/channel.ts'
import type { HelloMessage } from '../wire/messages.ts'
import type { CID } from 'multiformats/cid'

// The first words of a session:
//
//   opener                                   accepter
//     control: Hello (proof) ───────────────►  finds the root whose proof this is, or Bye (unknownRoot)
//              ◄─────────────── Hello (proof, token)     (the data stream is opened meanwhile)
//     data:    Attach (token) ──────────────►  the session of that token
//
// Both may open at once: the session that the peer with the smaller id opened stays.

export interface ReceptionParts {
  ourId: string
  /** Every root this node serves or pulls. */
  roots: () => Iterable<CID>
  /** The swarm of one of them, opened when it is not yet; undefined when it cannot be served after all. */
  swarmOf: (root: CID) => Promise<Swarm | undefined>
  clock: Clock
  /** Shows that the second knows a root, to the third. Default: proofOf; virtual time has one that needs no thread. */
  prove?: typeof proofOf
  /** Told of what peers do wrong, and asked who is let in. */
  reputation: Reputation
  /** We have the peers of a swarm that we want: newcomers that do not ask for others are sent on. Default: never. */
  hasEnough?: (swarm: Swarm) => boolean
  /** Signed records of peers of a swarm that a peer can use. */
  recordsFor?: (swarm: Swarm, peerId: string) => Promise<Uint8Array[]>
}

/** The streams of a session that we open. */
export interface OpenStreams {
  control: Channel
  /** Opens the data stream, while Hello is being answered. */
  openData: () => Promise<Channel>
  /** Asks the peer to tell us of others. Default: false. */
  wantsPeers?: boolean
  /** Where the peer was reached. */
  addr?: string | undefined
}

/** Turns streams into sessions: says Hello for us, checks theirs, joins both streams, and hands the session over. */
export class Reception {
  readonly #parts: ReceptionParts
  readonly #prove: typeof proofOf
  readonly #attachments: Attachments
  readonly #opening = new Map<Swarm, Set<string>>()
  readonly #greetings: Greetings

  constructor (parts: ReceptionParts) {
    this.#parts = parts
    this.#prove = parts.prove ?? proofOf
    this.#greetings = new Greetings(parts.clock)
    this.#attachments = new Attachments(parts.clock)
  }

  /**
   * Opens a session over a control stream of ours.
   *
   * @returns the session, joined to its swarm; undefined when the peer's own session with us takes its place
   * @throws ModelswarmError ERR_NOT_HELD when the peer does not know the root, ERR_PROTOCOL, ERR_PEER_LOST
   */
  async open (swarm: Swarm, peerId: string, streams: OpenStreams): Promise<Session | undefined> {
    const { control, openData, wantsPeers = false, addr } = streams
    const opening = this.#opening.get(swarm) ?? new Set()
    this.#opening.set(swarm, opening)
    opening.add(peerId)
    const door = new Door(control, this.#parts.clock, OPENER_EARLY)
    let early: Promise<Channel> | undefined
    try {
      const features = wantsPeers ? Feature.wantsPeers : 0
      control.send({ ...await this.#hello(swarm, peerId, EMPTY), features })
      // A stream takes a round trip, as the answer does.
      early = openData()
      early.catch(() => { /* told where it is awaited, if it comes to that */ })
      const first = await door.first
      if (first.type === 'bye') {
        if (first.reason === ByeReason.duplicate) {
          await control.close()
          return undefined
        }
        throw byeError(first.reason, peerId) ??
          new ModelswarmError('ERR_PEER_LOST', 'Peer ended the session at once', { sourceId: peerId })
      }
      if (first.type !== 'hello' || !sameBytes(first.proof, await this.#prove(swarm.root, peerId, this.#parts.ourId))) {
        throw new ModelswarmError('ERR_PROTOCOL', 'Peer did not show that it knows the root', { sourceId: peerId })
      }
      const data = await early
      early = undefined
      const session = this.#session({ control, peerId, addr, isOutbound: true }, first)
      data.send({ type: 'attach', token: first.token })
      const sink = session.attachData(data)
      if (sink !== undefined) data.open(sink)
      swarm.join(session)
      door.pass(session)
      return session
    } catch (err) {
      this.#fail(control, peerId, addr, err)
      throw err
    } finally {
      opening.delete(peerId)
      if (opening.size === 0) this.#opening.delete(swarm)
      early?.then(data => { data.abort(NO_SESSION) }).catch(() => { /* there is none to end */ })
    }
  }

  /** A peer at `addr` opened a control stream. Never rejects: what goes wrong ends the stream. */
  async acceptControl (control: Channel, peerId: string, addr?: string): Promise<void> {
    if (!this.#begin(control, peerId, addr)) return
    if (this.#parts.reputation.isRefused(peerId, addr)) {
      this.#greetings.end(control, peerId)
      return await sendAway(control, ByeReason.refused)
    }
    const door = new Door(control, this.#parts.clock, ACCEPTER_EARLY)
    try {
      const first = await door.first
      if (first.type !== 'hello') throw new ModelswarmError('ERR_PROTOCOL', `Peer began with ${first.type}, not hello`)
      const swarm = await this.#find(first.proof, peerId)
      if (swarm === undefined) return await sendAway(control, ByeReason.unknownRoot)
      const hello = await this.#hello(swarm, peerId, EMPTY)
      // Nothing is awaited from here until it has joined: of many that come at once each counts for the next.
      const refusal = this.#refusal(swarm, peerId, first, addr)
      if (refusal === ByeReason.full) {
        // It learns where there may be room; all at once, or it would begin its session meanwhile.
        const records = await this.#parts.recordsFor?.(swarm, peerId) ?? []
        control.send(hello)
        if (records.length > 0) control.send({ type: 'peers', records })
      }
      if (refusal !== undefined) return await sendAway(control, refusal)
      const session = this.#session({ control, peerId, addr, isOutbound: false }, first)
      control.send({ ...hello, token: this.#attachments.expect(session) })
      swarm.join(session)
      door.pass(session)
    } catch (err) {
      this.#fail(control, peerId, addr, err)
    } finally {
      this.#greetings.end(control, peerId)
    }
  }

  /** A peer opened a data stream: its Attach tells the session it belongs to. */
  acceptData (data: Channel, peerId: string, addr?: string): void {
    if (!this.#begin(data, peerId, addr)) return
    this.#attachments.accept(data, peerId, {
      onAttached: () => { this.#greetings.end(data, peerId) },
      onFailed: err => {
        this.#greetings.end(data, peerId)
        this.#parts.reputation.onFailure(peerId, addr, err)
      }
    })
  }

  /** No token is good any more; streams that have not become sessions end. */
  stop (): void {
    this.#greetings.stop(new ModelswarmError('ERR_STOPPED', 'This node is stopping'))
    this.#attachments.stop()
  }

  #refusal (
    swarm: Swarm, peerId: string, { features }: HelloMessage, addr: string | undefined
  ): ByeReason | undefined {
    if (this.#parts.ourId === peerId) return ByeReason.duplicate
    const ours = swarm.sessions.get(peerId)
    const isOpening = this.#opening.get(swarm)?.has(peerId) === true
    const weStay = this.#parts.ourId < peerId && (isOpening || ours?.isOutbound === true)
    if (weStay) return ByeReason.duplicate
    if (ours !== undefined) return undefined
    const isShort = (features & Feature.wantsPeers) !== 0
    if (!isShort && this.#parts.hasEnough?.(swarm) === true) return ByeReason.full
    if (!swarm.isFull || makeRoom(swarm.sessions.values(), hostOf(addr), this.#parts.clock.now())) return undefined
    return ByeReason.full
  }

  async #find (proof: Uint8Array, peerId: string): Promise<Swarm | undefined> {
    for (const root of this.#parts.roots()) {
      if (sameBytes(proof, await this.#prove(root, peerId, this.#parts.ourId))) return await this.#parts.swarmOf(root)
    }
    return undefined
  }

  async #hello (swarm: Swarm, peerId: string, token: Uint8Array): Promise<HelloMessage> {
    const proof = await this.#prove(swarm.root, this.#parts.ourId, peerId)
    return { type: 'hello', proof, features: 0, encodings: [IDENTITY_ENCODING], ...swarm.hello(), token }
  }

  #session (
    own: Omit<SessionParts, 'host' | 'clock' | 'burst' | 'onEnd'> & { addr: string | undefined }, hello: HelloMessage
  ): Session {
    const { addr, ...parts } = own
    const { reputation, clock } = this.#parts
    const onEnd = (err: Error | undefined): void => { reputation.onFailure(parts.peerId, addr, err) }
    // Whom we dialled is no stranger.
    const burst = reputation.burstFor(parts.isOutbound ? undefined : addr)
    const session = new Session({ ...parts, host: hostOf(addr), clock, burst, onEnd })
    session.onHello(hello)
    return session
  }

  /** Room for a stream that has not said anything yet; false when there is none, and the stream is over. */
  #begin (channel: Channel, peerId: string, addr: string | undefined): boolean {
    try {
      this.#greetings.begin(channel, peerId)
      return true
    } catch (err) {
      this.#fail(channel, peerId, addr, err)
      return false
    }
  }

  #fail (channel: Channel, peerId: string, addr: string | undefined, err: unknown): void {
    this.#parts.reputation.onFailure(peerId, addr, err)
    channel.abort(err instanceof Error ? err : new Error('Handshake failed'))
  }
}

async function sendAway (control: Channel, reason: ByeReason): Promise<void> {
  control.send({ type: 'bye', reason })
  await control.close()
}

/** What may come between the other side's Hello and our own work on it: Holdings, Have, Mode, Peers, Alive. */
const OPENER_EARLY = { bytes: WIRE_LIMITS.earlyBytes, messages: WIRE_LIMITS.earlyMessages }
/** An opener waits for our answer to its Hello. */
const ACCEPTER_EARLY = { bytes: 2 * WIRE_LIMITS.helloBytes, messages: 1 }

const NO_SESSION = new ModelswarmError('ERR_PEER_LOST', 'There is no session for this stream')

const EMPTY = new Uint8Array(0)
