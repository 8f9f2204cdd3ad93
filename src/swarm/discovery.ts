import { FEW_PEERS, SECOND_DIALLER_MS } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { ByeReason } from '../wire/protocol.ts'
import { RecordRates, readPeerRecord } from './peer-record.ts'
import { Search } from './search.ts'
import type { Candidate } from './candidates.ts'
import type { Clock } from './ports.ts'
import type { Reception } from './reception.ts'
import type { Reputation } from './reputation.ts'
import type { Session } from './session.ts'
import type { Swarm } from './swarm.ts'
import type { Channel, ChannelKind } from '../wire/channel.ts'

/** What discovery needs of the network below it. */
export interface Network {
  readonly ourId: string
  /** Where a peer is connected to us; undefined when it is not. */
  addrOf: (peerId: string) => string | undefined
  /** The signed record of a peer, where it is known, if a reader at `from` can use one of its addresses. */
  recordOf: (peerId: string, from: string) => Promise<Uint8Array | undefined>
  /** A signed record that somebody else passed on: good for recordOf for a while. */
  keepRecord: (peerId: string, bytes: Uint8Array) => void
  /** Asks a connected peer for its record, unless that was done. Resolves in any case. */
  identify: (peerId: string) => Promise<void>
  /** The connection to a candidate that there is, or a new one. */
  connect: (candidate: Candidate) => Promise<Contact>
}

/** A connected peer. */
export interface Contact {
  readonly peerId: string
  readonly addr: string
  open: (kind: ChannelKind) => Promise<Channel>
}

export interface DiscoveryParts {
  network: Network
  reception: Pick<Reception, 'open'>
  reputation: Reputation
  clock: Clock
  random: () => number
  signal: AbortSignal
  /** Default: readPeerRecord; virtual time has one without signatures. */
  readRecord?: typeof readPeerRecord
}

/** Finds and keeps the peers of swarms: dials hints, exchanges peers, dials again after losses. */
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

  /** A session has begun: a peer that asked for it hears of others at once, and they of it when it is identified. */
  onSession (swarm: Swarm, session: Session): void {
    if (session.isOutbound || !session.their.wantsPeers) return
    this.#unidentified.set(session, swarm)
    this.#watch(session, this.#tellOfOthers(swarm, session))
    this.#watch(session, this.#tellOthers(swarm, session))
  }

  onSessionEnd (swarm: Swarm, session: Session, err: Error | undefined): void {
    this.#unidentified.delete(session)
    this.#searches.get(swarm)?.onSessionEnd(session, err)
  }

  /** The signed record of a peer has become known. */
  onIdentified (peerId: string): void {
    for (const [session, swarm] of this.#unidentified) {
      if (session.peerId === peerId) this.#watch(session, this.#tellOthers(swarm, session))
    }
  }

  /** Looks for peers of this swarm until `stop`. */
  search (swarm: Swarm): Search {
    const known = this.#searches.get(swarm)
    if (known !== undefined) return known
    const { network, clock, random, signal } = this.#parts
    const search = new Search({
      ourId: network.ourId,
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

  /** True when we look for peers of this swarm and have all that we want: who is not short of peers is sent on. */
  hasEnough (swarm: Swarm): boolean {
    return this.#searches.get(swarm)?.isContent === true
  }

  stopSearch (swarm: Swarm): void {
    this.#searches.get(swarm)?.stop()
    this.#searches.delete(swarm)
  }

  /** Somebody is on this network (mDNS): asked about every model that is looked for. */
  onPeer (peerId: string, addrs: readonly string[]): void {
    if (this.#nearby.size < WIRE_LIMITS.nearbyPeers || this.#nearby.has(peerId)) this.#nearby.set(peerId, addrs)
    // libp2p tells of whoever connects to us too: that peer has just begun to open its session.
    const waitMs = this.#parts.network.addrOf(peerId) === undefined ? 0 : SECOND_DIALLER_MS
    for (const search of this.#searches.values()) search.add({ peerId, addrs, isHint: false, waitMs })
  }

  stop (): void {
    for (const search of this.#searches.values()) search.stop()
    this.#searches.clear()
  }

  async #dial (swarm: Swarm, candidate: Candidate): Promise<void> {
    const { network, reception, reputation } = this.#parts
    const contact = await network.connect(candidate)
    const { peerId, addr } = contact
    candidate.peerId = peerId
    candidate.reachedAt = addr
    if (swarm.sessions.has(peerId)) return
    if (reputation.refusedForMs(peerId) > 0) {
      throw new ModelswarmError('ERR_PEER_LOST', 'refused for a while because of what it did before', { sourceId: peerId })
    }
    await reception.open(swarm, peerId, {
      control: await contact.open('control'),
      openData: async () => await contact.open('data'),
      addr,
      // Who has been told of a swarm need not be told by every member again. Who asks is let in by who has enough.
      wantsPeers: candidate.isHint || swarm.sessions.size < FEW_PEERS || this.#searches.get(swarm)?.insists === true
    })
  }

  #watch (session: Session, telling: Promise<void>): void {
    telling.catch((err: unknown) => {
      if (!this.#parts.signal.aborted) session.abort(err instanceof Error ? err : new Error('Peer exchange failed'))
    })
  }

  /** Signed records of some peers of a swarm that this peer can use. */
  async recordsFor (swarm: Swarm, reader: string): Promise<Uint8Array[]> {
    return (await this.#othersFor(swarm, reader)).records
  }

  /** Some other peers of a swarm: the records of those that are known and of use, and who else there is. */
  async #othersFor (swarm: Swarm, reader: string): Promise<{ records: Uint8Array[], unknown: string[] }> {
    const records: Uint8Array[] = []
    const unknown: string[] = []
    for (const { peerId } of this.#someOthers(swarm, reader)) {
      const record = await this.#recordFor(peerId, reader)
      if (record === undefined) unknown.push(peerId)
      else records.push(record)
    }
    return { records, unknown }
  }

  /** Tells a new peer of others: signed records only, and only what it can use. */
  async #tellOfOthers (swarm: Swarm, session: Session): Promise<void> {
    const { records, unknown } = await this.#othersFor(swarm, session.peerId)
    if (records.length > 0) session.send({ type: 'peers', records })
    await Promise.all(unknown.map(async peerId => {
      const record = await this.#askedRecordFor(peerId, session.peerId)
      if (record !== undefined) session.send({ type: 'peers', records: [record] })
    }))
  }

  /** Tells others of a new peer, once it is identified. */
  async #tellOthers (swarm: Swarm, session: Session): Promise<void> {
    if (await this.#askedRecordFor(session.peerId, session.peerId) === undefined) return
    if (!this.#unidentified.delete(session)) return
    for (const other of this.#someOthers(swarm, session.peerId)) {
      const record = await this.#recordFor(session.peerId, other.peerId)
      if (record !== undefined) other.send({ type: 'peers', records: [record] })
    }
  }

  /** Of a peer that is asked for its record where it is not known. */
  async #askedRecordFor (peerId: string, reader: string): Promise<Uint8Array | undefined> {
    const known = await this.#recordFor(peerId, reader)
    if (known !== undefined) return known
    await this.#parts.network.identify(peerId)
    return await this.#recordFor(peerId, reader)
  }

  #someOthers (swarm: Swarm, peerId: string): Session[] {
    const others = [...swarm.sessions.values()].filter(other => other.peerId !== peerId)
    shuffle(others, this.#parts.random)
    return others.slice(0, WIRE_LIMITS.peerRecords)
  }

  async #recordFor (peerId: string, reader: string): Promise<Uint8Array | undefined> {
    const { network } = this.#parts
    const from = network.addrOf(reader)
    return from === undefined ? undefined : await network.recordOf(peerId, from)
  }

  /** Records that a peer sent: checked, filtered, and tried. */
  async onRecords (swarm: Swarm, session: Session, records: readonly Uint8Array[]): Promise<void> {
    const search = this.#searches.get(swarm)
    const { network, network: { ourId }, clock, signal, readRecord = readPeerRecord } = this.#parts
    const { peerId: teller } = session
    const from = network.addrOf(teller)
    if (search === undefined || from === undefined) return
    const isKnown = (id: string): boolean => {
      // Of a liar's candidates, those that an honest peer tells of too have its turn.
      search.toldBy(id, teller)
      return id === ourId || swarm.sessions.has(id) || search.knows(id)
    }
    for (const bytes of records) {
      if (!search.takesFrom(teller) || !this.#recordRates.take(session, clock.now())) return
      try {
        const read = await readRecord(bytes, { isKnown, from, sourceId: teller, signal })
        if (read === undefined) continue
        network.keepRecord(read.peerId, bytes)
        search.add({ ...read, isHint: false, teller, waitMs: dialsFirst(ourId, read.peerId) ? 0 : SECOND_DIALLER_MS })
      } catch (err) {
        if (signal.aborted) return
        return session.abort(err instanceof Error ? err : new Error('A record cannot be read'), ByeReason.protocolError)
      }
    }
  }
}

/** Which of two peers dials: half of its neighbours each, whatever its id. Both sides agree. */
export function dialsFirst (ourId: string, theirId: string): boolean {
  const isEven = (lastCode(ourId) + lastCode(theirId)) % 2 === 0
  return isEven ? ourId < theirId : ourId > theirId
}

function lastCode (id: string): number {
  return id.charCodeAt(id.length - 1)
}

function shuffle<T> (items: T[], random: () => number): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const a = items[i]
    const b = items[j]
    if (a !== undefined && b !== undefined) [items[i], items[j]] = [b, a]
  }
}
