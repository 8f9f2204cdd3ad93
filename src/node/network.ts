import { setMaxListeners } from 'node:events'
import { peerIdFromString } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { OPEN_STREAM_MS } from '../defaults.ts'
import { KEEP_RECORD_MS, MOST_EARLY_STREAMS } from '../machine-defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { isUsableFrom } from '../swarm/address-scope.ts'
import { SILENT } from '../swarm/trouble.ts'
import { streamChannel } from '../wire/channel.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { otherVersion, ProtocolAnswer } from '../wire/protocol-answer.ts'
import { CONTROL_PROTOCOL, DATA_PROTOCOL } from '../wire/protocol.ts'
import { openEarly } from './early-stream.ts'
import type { Candidate } from '../swarm/candidates.ts'
import type { Contact, Network } from '../swarm/discovery.ts'
import type { Clock } from '../swarm/ports.ts'
import type { Channel } from '../wire/channel.ts'
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'

export interface Libp2pNetworkParts {
  clock: Clock
  signal: AbortSignal
  /** Asks a connected peer who it is. Left out where libp2p does so by itself, for 9 ms of each end and connection. */
  identify?: ((connection: Connection) => Promise<unknown>) | undefined
}

interface KeptRecord {
  readonly bytes: Uint8Array
  readonly at: number
}

/** How many streams of a connection have begun, as long as none was answered. */
class Beginning {
  readonly #answered = Promise.withResolvers<void>()
  #begun = 0
  #isAnswered = false

  /** Resolves when one more may begin. */
  async enter (): Promise<void> {
    if (!this.#isAnswered && ++this.#begun > MOST_EARLY_STREAMS) await this.#answered.promise
  }

  /** A stream is there, or is not to be had. */
  onAnswer (): void {
    this.#isAnswered = true
    this.#answered.resolve()
  }
}

function silent (): ModelswarmError {
  return new ModelswarmError('ERR_PEER_LOST', 'Peer does not answer', { received: SILENT })
}

/** What discovery asks of the network, by libp2p. */
export class Libp2pNetwork implements Network {
  readonly #libp2p: Libp2p
  readonly #clock: Clock
  readonly #signal: AbortSignal
  /** How the streams that we open on a connection begin. */
  readonly #beginnings = new WeakMap<Connection, Beginning>()
  readonly #identify: Libp2pNetworkParts['identify']
  readonly #identifying = new WeakMap<Connection, Promise<unknown>>()
  /** Records that others passed on, oldest first. */
  readonly #kept = new Map<string, KeptRecord>()

  constructor (libp2p: Libp2p, { clock, signal, identify }: Libp2pNetworkParts) {
    this.#libp2p = libp2p
    this.#clock = clock
    this.#signal = signal
    this.#identify = identify
    // Every dial and stream under way listens to it.
    setMaxListeners(0, signal)
    if (identify === undefined) return
    const onOpen = ({ detail: connection }: CustomEvent<Connection>): void => {
      // Others of its swarm are told of a newcomer: its record is wanted by the time that its session is there.
      const isStranger = this.#keptRecord(connection.remotePeer.toString()) === undefined
      if (connection.direction === 'inbound' && isStranger) this.#identified(connection).catch(() => {})
    }
    libp2p.addEventListener('connection:open', onOpen)
    signal.addEventListener('abort', () => { libp2p.removeEventListener('connection:open', onOpen) }, { once: true })
  }

  get ourId (): string {
    return this.#libp2p.peerId.toString()
  }

  addrOf (peerId: string): string | undefined {
    return this.#openTo(peerIdFromString(peerId))?.remoteAddr.toString()
  }

  async recordOf (peerId: string, from: string): Promise<Uint8Array | undefined> {
    const bytes = await this.#storedRecord(peerIdFromString(peerId)) ?? this.#keptRecord(peerId)
    if (bytes === undefined || bytes.byteLength > WIRE_LIMITS.peerRecordBytes) return undefined
    const record = PeerRecord.createFromProtobuf(RecordEnvelope.createFromProtobuf(bytes).payload)
    return record.multiaddrs.some(addr => isUsableFrom(addr.toString(), from)) ? bytes : undefined
  }

  keepRecord (peerId: string, bytes: Uint8Array): void {
    this.#kept.delete(peerId)
    this.#kept.set(peerId, { bytes: bytes.slice(), at: this.#clock.now() })
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= WIRE_LIMITS.keptRecords) return
      this.#kept.delete(oldest)
    }
  }

  async identify (peerId: string): Promise<void> {
    const connection = this.#openTo(peerIdFromString(peerId))
    if (connection !== undefined) await this.#identified(connection)
  }

  /** Resolves when the peer has been asked who it is, once a connection, whether or not it answered. */
  async #identified (connection: Connection): Promise<void> {
    if (this.#identify === undefined) return
    const asking = this.#identifying.get(connection) ?? this.#identify(connection).catch(() => {})
    this.#identifying.set(connection, asking)
    await asking
  }

  async #storedRecord (peerId: PeerId): Promise<Uint8Array | undefined> {
    const { peerStore } = this.#libp2p
    return await peerStore.has(peerId) ? (await peerStore.get(peerId)).peerRecordEnvelope : undefined
  }

  /** What was kept long ago may name addresses that the peer has left. */
  #keptRecord (peerId: string): Uint8Array | undefined {
    const kept = this.#kept.get(peerId)
    if (kept === undefined || this.#clock.now() - kept.at < KEEP_RECORD_MS) return kept?.bytes
    this.#kept.delete(peerId)
    return undefined
  }

  async connect (candidate: Candidate): Promise<Contact> {
    const connection = await this.#connection(candidate)
    return {
      peerId: connection.remotePeer.toString(),
      addr: connection.remoteAddr.toString(),
      open: async kind => kind === 'control'
        ? await this.#openControl(connection)
        : streamChannel(await this.#openStream(connection, DATA_PROTOCOL), kind)
    }
  }

  async #connection (candidate: Candidate): Promise<Connection> {
    if (candidate.peerId !== undefined) {
      const open = this.#openTo(peerIdFromString(candidate.peerId))
      if (open !== undefined) return open
    }
    const suffix = candidate.peerId === undefined ? '' : `/p2p/${candidate.peerId}`
    const addrs = candidate.dialled.map(addr => multiaddr(addr.includes('/p2p/') ? addr : `${addr}${suffix}`))
    return await this.#libp2p.dial(addrs, { signal: this.#signal })
  }

  #openTo (peerId: PeerId): Connection | undefined {
    return this.#libp2p.getConnections(peerId).find(one => one.status === 'open')
  }

  /** A control stream on which Hello can be said at once, before the peer has agreed to the protocol. */
  async #openControl (connection: Connection): Promise<Channel> {
    const beginning = await this.#begin(connection)
    const stream = await openEarly(connection, CONTROL_PROTOCOL, WIRE_LIMITS.streamsPerConnection)
    if (stream === undefined) return streamChannel(await this.#openStream(connection, CONTROL_PROTOCOL), 'control')
    const cancelTimer = this.#clock.setTimer(OPEN_STREAM_MS, () => { connection.abort(silent()) })
    const onAnswer = (): void => {
      cancelTimer()
      beginning.onAnswer()
    }
    stream.addEventListener('close', onAnswer, { once: true })
    return streamChannel(stream, 'control', new ProtocolAnswer(CONTROL_PROTOCOL, onAnswer))
  }

  /**
   * libp2p waits for ever for a peer that does not answer when it is given a signal. A connection that opens no stream
   * is dead, though the system may not say so for a quarter of an hour: the next dial makes a new one.
   */
  async #openStream (connection: Connection, protocol: string): Promise<Stream> {
    const timeout = new AbortController()
    const cancelTimer = this.#clock.setTimer(OPEN_STREAM_MS, () => { timeout.abort(silent()) })
    const signal = AbortSignal.any([this.#signal, timeout.signal])
    const beginning = await this.#begin(connection)
    try {
      signal.throwIfAborted()
      return await connection.newStream(protocol, { signal, maxOutboundStreams: WIRE_LIMITS.streamsPerConnection })
    } catch (err) {
      if (timeout.signal.aborted) connection.abort(err instanceof Error ? err : new Error('No stream could be opened'))
      if (err instanceof Error && err.name === 'UnsupportedProtocolError') throw otherVersion(err)
      throw err
    } finally {
      beginning.onAnswer()
      cancelTimer()
    }
  }

  /**
   * libp2p ends a connection on which more than ten streams begin before the other side is ready: many models that are
   * pulled at once from one peer wait for the first answer.
   */
  async #begin (connection: Connection): Promise<Beginning> {
    const beginning = this.#beginnings.get(connection) ?? new Beginning()
    this.#beginnings.set(connection, beginning)
    await beginning.enter()
    return beginning
  }
}
