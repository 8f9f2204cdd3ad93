import { multiaddr } from '@multiformats/multiaddr'
import { peerIdFromString } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { FULL_MESH_PEERS, GRAPH_DEGREE, PARALLEL_DIALS } from '../defaults.ts'
import { isModelswarmError, ModelswarmError } from '../errors.ts'
import { streamChannel } from '../wire/channel.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { CONTROL_PROTOCOL, DATA_PROTOCOL } from '../wire/protocol.ts'
import { isUsableFrom } from './address-scope.ts'
import { Candidates } from './candidates.ts'
import type { Candidate } from './candidates.ts'
import type { Clock } from './ports.ts'
import type { Reception } from './reception.ts'
import type { Session } from './session.ts'
import type { Swarm } from './swarm.ts'
import type { Connection, Libp2p, PeerId } from '@libp2p/interface'

export interface DiscoveryParts {
  libp2p: Libp2p
  reception: Reception
  clock: Clock
  random: () => number
  signal: AbortSignal
}

/** A newcomer dials those it is told of at once; those who are told of a newcomer give it this time to dial them. */
const NEWCOMER_MS = 3000
const MAX_NEARBY = 256
/** How many of those connected are told of a newcomer. */
const TOLD_OF_NEWCOMER = 8

/** Finds and keeps the peers of swarms: dials hints, exchanges peers, dials again after losses. Speaks to libp2p. */
export class Discovery {
  readonly #parts: DiscoveryParts
  readonly #searches = new Map<Swarm, Search>()
  /** Peers seen on this network: libp2p tells of each once, perhaps before anything is looked for. */
  readonly #nearby = new Map<string, readonly string[]>()
  /** Sessions whose peer has not been identified yet: nothing signed is known of it to pass on. */
  readonly #unidentified = new Map<Session, Swarm>()

  constructor (parts: DiscoveryParts) {
    this.#parts = parts
  }

  /** A session has begun: both sides hear of others as soon as the new peer is identified. */
  onSession (swarm: Swarm, session: Session): void {
    this.#unidentified.set(session, swarm)
    this.#introduce(swarm, session)
  }

  onSessionEnd (swarm: Swarm, session: Session, err: Error | undefined): void {
    this.#unidentified.delete(session)
    this.#searches.get(swarm)?.onSessionEnd(session, err)
  }

  /** libp2p has learnt the signed record of a peer. */
  onIdentified (peerId: string): void {
    for (const [session, swarm] of this.#unidentified) if (session.peerId === peerId) this.#introduce(swarm, session)
  }

  /** Looks for peers of this swarm until `stop`. */
  search (swarm: Swarm): Search {
    const known = this.#searches.get(swarm)
    if (known !== undefined) return known
    const search = new Search(swarm, this.#parts)
    this.#searches.set(swarm, search)
    for (const [peerId, addrs] of this.#nearby) search.add({ peerId, addrs, isHint: false })
    return search
  }

  stopSearch (swarm: Swarm): void {
    this.#searches.get(swarm)?.stop()
    this.#searches.delete(swarm)
  }

  /** Somebody is on this network (mDNS): asked about every model that is being looked for. */
  onPeer (peerId: string, addrs: readonly string[]): void {
    if (this.#nearby.size < MAX_NEARBY || this.#nearby.has(peerId)) this.#nearby.set(peerId, addrs)
    for (const search of this.#searches.values()) search.add({ peerId, addrs, isHint: false })
  }

  stop (): void {
    for (const search of this.#searches.values()) search.stop()
    this.#searches.clear()
  }

  #introduce (swarm: Swarm, session: Session): void {
    this.#tell(swarm, session).catch((err: unknown) => {
      if (!this.#parts.signal.aborted) session.abort(err instanceof Error ? err : new Error('Peer exchange failed'))
    })
  }

  /** Tells a new peer of the others, and some of the others of it: signed records only, and only what each can use. */
  async #tell (swarm: Swarm, session: Session): Promise<void> {
    if (await this.#recordFor(session.peerId, session.peerId) === undefined) return
    if (!this.#unidentified.delete(session)) return
    const others = [...swarm.sessions.values()].filter(other => other.peerId !== session.peerId)
    shuffle(others, this.#parts.random)
    others.length = Math.min(others.length, WIRE_LIMITS.peerRecords)
    const records: Uint8Array[] = []
    for (const [i, other] of others.entries()) {
      const record = await this.#recordFor(other.peerId, session.peerId)
      if (record !== undefined) records.push(record)
      const back = i < TOLD_OF_NEWCOMER ? await this.#recordFor(session.peerId, other.peerId) : undefined
      if (back !== undefined) other.send({ type: 'peers', records: [back] })
    }
    if (records.length > 0) session.send({ type: 'peers', records })
  }

  /** The signed record of a peer, if `reader` can use one of its addresses. */
  async #recordFor (peerId: string, reader: string): Promise<Uint8Array | undefined> {
    const { libp2p } = this.#parts
    const id = peerIdFromString(peerId)
    if (!await libp2p.peerStore.has(id)) return undefined
    const { peerRecordEnvelope } = await libp2p.peerStore.get(id)
    if (peerRecordEnvelope === undefined) return undefined
    if (peerRecordEnvelope.byteLength > WIRE_LIMITS.peerRecordBytes) return undefined
    const from = remoteAddrOf(libp2p, peerIdFromString(reader))
    if (from === undefined) return undefined
    const record = PeerRecord.createFromProtobuf(RecordEnvelope.createFromProtobuf(peerRecordEnvelope).payload)
    const isUsable = record.multiaddrs.some(addr => isUsableFrom(addr.toString(), from))
    return isUsable ? peerRecordEnvelope : undefined
  }

  /** Records that a peer sent: checked, filtered, and tried. */
  async onRecords (swarm: Swarm, session: Session, records: readonly Uint8Array[]): Promise<void> {
    const search = this.#searches.get(swarm)
    const from = remoteAddrOf(this.#parts.libp2p, peerIdFromString(session.peerId))
    if (search === undefined || from === undefined) return
    for (const bytes of records) {
      try {
        const envelope = await RecordEnvelope.openAndCertify(bytes, PeerRecord.DOMAIN, { signal: this.#parts.signal })
        const record = PeerRecord.createFromProtobuf(envelope.payload)
        if (!record.peerId.publicKey?.equals(envelope.publicKey)) throw new Error('Record signed by somebody else')
        const addrs = record.multiaddrs.map(addr => addr.toString()).filter(addr => isUsableFrom(addr, from))
        const waitMs = records.length === 1 ? NEWCOMER_MS : 0
        search.add({ peerId: record.peerId.toString(), addrs, isHint: false, waitMs })
      } catch (err) {
        if (this.#parts.signal.aborted) return
        return session.fail(`Peer sent a peer record that is not valid: ${err instanceof Error ? err.message : 'unreadable'}`)
      }
    }
  }
}

/** The search for the peers of one swarm. */
export class Search {
  readonly #swarm: Swarm
  readonly #parts: DiscoveryParts
  readonly #candidates = new Candidates()
  #dialling = 0
  #isStopped = false
  #cancelTimer: () => void = () => {}

  constructor (swarm: Swarm, parts: DiscoveryParts) {
    this.#swarm = swarm
    this.#parts = parts
  }

  add (found: { peerId?: string | undefined, addrs: readonly string[], isHint: boolean, waitMs?: number }): void {
    if (found.peerId === this.#parts.libp2p.peerId.toString()) return
    this.#candidates.add({ ...found, at: this.#parts.clock.now() + (found.waitMs ?? 0) })
    this.#tick()
  }

  onSessionEnd (session: Session, err: Error | undefined): void {
    if (isModelswarmError(err, 'ERR_PROTOCOL', 'ERR_BAD_BLOCK', 'ERR_BAD_FRAME')) this.#candidates.ban(session.peerId)
    else this.#candidates.lost(session.peerId, this.#parts.clock.now(), err?.message)
    this.#tick()
  }

  /** What was tried and how it went, a line each: for the message of a pull that gave up. */
  report (): string[] {
    return [...this.#candidates.all].filter(one => one.lastError !== undefined && one.state !== 'connected')
      .sort((a, b) => Number(b.isHint) - Number(a.isHint))
      .map(one => `${one.addrs[0] ?? one.key}: ${one.lastError ?? ''}`)
  }

  get tried (): number {
    return [...this.#candidates.all].length
  }

  stop (): void {
    this.#isStopped = true
    this.#cancelTimer()
  }

  #tick (): void {
    if (this.#isStopped || this.#parts.signal.aborted) return
    const now = this.#parts.clock.now()
    const wanted = this.#swarm.sessions.size < FULL_MESH_PEERS
      ? PARALLEL_DIALS - this.#dialling
      : this.#swarm.sessions.size < GRAPH_DEGREE ? 1 : 0
    for (const candidate of this.#candidates.due(now, wanted)) {
      if (candidate.peerId !== undefined && this.#swarm.sessions.has(candidate.peerId)) {
        this.#candidates.connected(candidate)
        continue
      }
      candidate.state = 'dialling'
      this.#dialling++
      this.#dial(candidate).catch((err: unknown) => {
        this.#candidates.failed(candidate, reasonOf(err), this.#parts.clock.now(), this.#parts.random)
      }).finally(() => {
        this.#dialling--
        this.#tick()
      })
    }
    this.#cancelTimer()
    const nextAt = this.#candidates.nextAt()
    if (nextAt === undefined) return
    this.#cancelTimer = this.#parts.clock.setTimer(Math.max(50, nextAt - now), () => { this.#tick() })
  }

  async #dial (candidate: Candidate): Promise<void> {
    const { libp2p, reception, signal } = this.#parts
    const connection = await connect(libp2p, candidate, signal)
    const peerId = connection.remotePeer.toString()
    candidate.peerId = peerId
    if (!this.#swarm.sessions.has(peerId)) {
      const open = async (protocol: string): Promise<ReturnType<typeof streamChannel>> => streamChannel(
        await connection.newStream(protocol, { signal, maxOutboundStreams: WIRE_LIMITS.streamsPerConnection }),
        protocol === CONTROL_PROTOCOL ? 'control' : 'data')
      await reception.open(this.#swarm, peerId, await open(CONTROL_PROTOCOL), async () => await open(DATA_PROTOCOL))
    }
    this.#candidates.connected(candidate)
  }
}

async function connect (libp2p: Libp2p, candidate: Candidate, signal: AbortSignal): Promise<Connection> {
  if (candidate.peerId !== undefined) {
    const open = libp2p.getConnections(peerIdFromString(candidate.peerId)).find(one => one.status === 'open')
    if (open !== undefined) return open
  }
  const suffix = candidate.peerId === undefined ? '' : `/p2p/${candidate.peerId}`
  const addrs = candidate.addrs.map(addr => multiaddr(addr.includes('/p2p/') ? addr : `${addr}${suffix}`))
  return await libp2p.dial(addrs, { signal })
}

function remoteAddrOf (libp2p: Libp2p, peerId: PeerId): string | undefined {
  return libp2p.getConnections(peerId).find(one => one.status === 'open')?.remoteAddr.toString()
}

/** What the system's words for a failed dial mean to people. */
const REASONS: ReadonlyArray<readonly [string, string]> = [
  ['ECONNREFUSED', 'connection refused, nothing listens there'],
  ['ECONNRESET', 'the connection was reset'],
  ['ETIMEDOUT', 'no answer'],
  ['EHOSTUNREACH', 'no route to the host'],
  ['ENETUNREACH', 'no route to the network'],
  ['ENOTFOUND', 'the name does not resolve'],
  ['timed out', 'no answer'],
  ['The operation was aborted', 'no answer']
]

function reasonOf (err: unknown): string {
  if (!(err instanceof Error)) return 'failed'
  if (err.name === 'UnsupportedProtocolError') {
    return new ModelswarmError('ERR_VERSION', 'the peer answers, but does not speak this version of modelswarm').message
  }
  if (err instanceof AggregateError && err.errors[0] instanceof Error) return reasonOf(err.errors[0])
  for (const [code, words] of REASONS) if (err.message.includes(code)) return words
  return err.message.split('\n')[0] ?? 'failed'
}

function shuffle<T> (items: T[], random: () => number): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const a = items[i]
    const b = items[j]
    if (a !== undefined && b !== undefined) [items[i], items[j]] = [b, a]
  }
}
