import { peerIdFromString } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { FEW_PEERS, OPEN_STREAM_MS, SECOND_DIALLER_MS } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { streamChannel } from '../wire/channel.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { ByeReason, CONTROL_PROTOCOL, DATA_PROTOCOL } from '../wire/protocol.ts'
import { isUsableFrom } from './address-scope.ts'
import { RecordRates, readPeerRecord } from './peer-record.ts'
import { Search } from './search.ts'
import { SILENT } from './trouble.ts'
import type { Candidate } from './candidates.ts'
import type { Clock } from './ports.ts'
import type { Reception } from './reception.ts'
import type { Reputation } from './reputation.ts'
import type { Session } from './session.ts'
import type { Swarm } from './swarm.ts'
import type { Channel } from '../wire/channel.ts'
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'

export interface DiscoveryParts {
  libp2p: Libp2p
  reception: Reception
  reputation: Reputation
  clock: Clock
  random: () => number
  signal: AbortSignal
}

/** Finds and keeps the peers of swarms: dials hints, exchanges peers, dials again after losses. Speaks to libp2p. */
export class Discovery {
  readonly #parts: DiscoveryParts
  readonly #searches = new Map<Swarm, Search>()
  /** Peers seen on this network: libp2p tells of each once, perhaps before anything is looked for. */
  readonly #nearby = new Map<string, readonly string[]>()
  /** Sessions whose peer has not been identified yet: nothing signed is known of it to pass on. */
  readonly #unidentified = new Map<Session, Swarm>()
  readonly #recordRates = new RecordRates()

  constructor (parts: DiscoveryParts) {
    this.#parts = parts
  }

  /** A session has begun: a peer that asked for it hears of others, and they of it, as soon as it is identified. */
  onSession (swarm: Swarm, session: Session): void {
    if (session.isOutbound || !session.theyWantPeers) return
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
    const { libp2p, clock, random, signal } = this.#parts
    const search = new Search({
      ourId: libp2p.peerId.toString(),
      swarm,
      dial: async candidate => { await this.#dial(swarm, candidate) },
      refusedForMs: peerId => this.#parts.reputation.refusedForMs(peerId),
      clock,
      random,
      signal
    })
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
    if (this.#nearby.size < WIRE_LIMITS.nearbyPeers || this.#nearby.has(peerId)) this.#nearby.set(peerId, addrs)
    for (const search of this.#searches.values()) search.add({ peerId, addrs, isHint: false })
  }

  stop (): void {
    for (const search of this.#searches.values()) search.stop()
    this.#searches.clear()
  }

  async #dial (swarm: Swarm, candidate: Candidate): Promise<void> {
    const { libp2p, reception, signal } = this.#parts
    const connection = await connect(libp2p, candidate, signal)
    const peerId = connection.remotePeer.toString()
    candidate.peerId = peerId
    if (swarm.sessions.has(peerId)) return
    if (this.#parts.reputation.refusedForMs(peerId) > 0) {
      throw new ModelswarmError('ERR_PEER_LOST', 'refused for a while because of what it did before', { sourceId: peerId })
    }
    const open = async (protocol: string): Promise<Channel> => streamChannel(
      await this.#openStream(connection, protocol), protocol === CONTROL_PROTOCOL ? 'control' : 'data')
    await reception.open(swarm, peerId, {
      control: await open(CONTROL_PROTOCOL),
      openData: async () => await open(DATA_PROTOCOL),
      addr: connection.remoteAddr.toString(),
      // One who has been told of a swarm need not be told of it by every member again.
      wantsPeers: candidate.isHint || swarm.sessions.size < FEW_PEERS
    })
  }

  /**
   * libp2p waits for ever for a peer that does not answer when it is given a signal. A connection that opens no stream
   * is dead, though the system may not say so for a quarter of an hour: the next dial makes a new one.
   */
  async #openStream (connection: Connection, protocol: string): Promise<Stream> {
    const timeout = new AbortController()
    const cancelTimer = this.#parts.clock.setTimer(OPEN_STREAM_MS, () => {
      timeout.abort(new ModelswarmError('ERR_PEER_LOST', 'Peer does not answer', { received: SILENT }))
    })
    const signal = AbortSignal.any([this.#parts.signal, timeout.signal])
    try {
      return await connection.newStream(protocol, { signal, maxOutboundStreams: WIRE_LIMITS.streamsPerConnection })
    } catch (err) {
      if (timeout.signal.aborted) connection.abort(err instanceof Error ? err : new Error('No stream could be opened'))
      if (err instanceof Error && err.name === 'UnsupportedProtocolError') {
        throw new ModelswarmError('ERR_VERSION', 'Peer does not speak this version of modelswarm', { cause: err })
      }
      throw err
    } finally {
      cancelTimer()
    }
  }

  #introduce (swarm: Swarm, session: Session): void {
    this.#tell(swarm, session).catch((err: unknown) => {
      if (!this.#parts.signal.aborted) session.abort(err instanceof Error ? err : new Error('Peer exchange failed'))
    })
  }

  /** Signed records of some peers of a swarm that this peer can use. */
  async recordsFor (swarm: Swarm, reader: string): Promise<Uint8Array[]> {
    const records: Uint8Array[] = []
    for (const other of this.#someOthers(swarm, reader)) {
      const record = await this.#recordFor(other.peerId, reader)
      if (record !== undefined) records.push(record)
    }
    return records
  }

  /** Tells a new peer of others, and them of it: signed records only, and only what each can use. */
  async #tell (swarm: Swarm, session: Session): Promise<void> {
    if (await this.#recordFor(session.peerId, session.peerId) === undefined) return
    if (!this.#unidentified.delete(session)) return
    const records = await this.recordsFor(swarm, session.peerId)
    if (records.length > 0) session.send({ type: 'peers', records })
    for (const other of this.#someOthers(swarm, session.peerId)) {
      const record = await this.#recordFor(session.peerId, other.peerId)
      if (record !== undefined) other.send({ type: 'peers', records: [record] })
    }
  }

  #someOthers (swarm: Swarm, peerId: string): Session[] {
    const others = [...swarm.sessions.values()].filter(other => other.peerId !== peerId)
    shuffle(others, this.#parts.random)
    return others.slice(0, WIRE_LIMITS.peerRecords)
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
    const ourId = this.#parts.libp2p.peerId.toString()
    const isKnown = (id: string): boolean => id === ourId || swarm.sessions.has(id) || search.knows(id)
    const { clock, signal } = this.#parts
    for (const bytes of records) {
      if (!search.hasRoom || !this.#recordRates.take(session, clock.now())) return
      try {
        const read = await readPeerRecord(bytes, { isKnown, from, sourceId: session.peerId, signal })
        if (read === undefined) continue
        search.add({ ...read, isHint: false, waitMs: ourId < read.peerId ? 0 : SECOND_DIALLER_MS })
      } catch (err) {
        if (signal.aborted) return
        return session.abort(err instanceof Error ? err : new Error('A record cannot be read'), ByeReason.protocolError)
      }
    }
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

function shuffle<T> (items: T[], random: () => number): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const a = items[i]
    const b = items[j]
    if (a !== undefined && b !== undefined) [items[i], items[j]] = [b, a]
  }
}
