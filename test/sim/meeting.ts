import { CID } from 'multiformats/cid'
import { ENOUGH_SHARE, FULL_MESH_PEERS, GRAPH_DEGREE } from '../../src/defaults.ts'
import { Discovery } from '../../src/swarm/discovery.ts'
import { Reception } from '../../src/swarm/reception.ts'
import { Reputation } from '../../src/swarm/reputation.ts'
import { Swarm } from '../../src/swarm/swarm.ts'
import { MemoryChannel } from '../swarm/memory-channel.ts'
import { proofOf } from '../swarm/instant-proof.ts'
import { seededRandom, VirtualClock } from './virtual-clock.ts'
import type { Search } from '../../src/swarm/search.ts'
import type { Contact, Network } from '../../src/swarm/discovery.ts'
import type { Candidate } from '../../src/swarm/candidates.ts'

// The library's own discovery in virtual time. What a connection takes was measured with libp2p over a path of 300 ms:
//
//   TCP 1 round trip, Noise's negotiation 1, Noise 1 ──► connected; identified 1 after connecting; the data stream 1
//   beside Hello, which goes out with the control stream

const ROOT = CID.parse('bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi')
const ROUND_TRIP_MS = 100
const CONNECT_TRIPS = 3
/** The side that accepts is connected half a round trip after the other, by Noise's third message. */
const ACCEPTED_TRIPS = CONNECT_TRIPS + 0.5
const IDENTIFY_TRIPS = 1

export interface MeetingOptions {
  readonly peers: number
  readonly seed?: number
  /** The last peer comes so many round trips after the others. Default: 0. */
  readonly lateTrips?: number
  /** Looks again so many round trips after all have met. Default: 0. */
  readonly restTrips?: number
}

/** In round trips since the connection to the publisher was there, for each peer. */
export interface Meeting {
  /** Its session with the publisher. */
  readonly session: readonly number[]
  /** It knew of all that it connects to: everybody, or, of more than make a full mesh, as many as it needs. */
  readonly learned: readonly number[]
  /** Sessions with them. */
  readonly met: readonly number[]
  /** Dials of the peer that dialled most, in all and under way at once, that to the publisher included. */
  readonly mostDials: number
  readonly mostAtOnce: number
  /** Of all peers. */
  readonly dials: number
  /** Sessions of each peer in the end, the publisher's not counted. */
  readonly neighbours: readonly number[]
}

/** Peers that know only the publisher find each other. */
export async function meet ({ peers, seed = 1, lateTrips = 0, restTrips = 0 }: MeetingOptions): Promise<Meeting> {
  const world = { clock: new VirtualClock(), random: seededRandom(seed), nodes: new Map<string, MeetingNode>() }
  const idOf = (i: number): string => `${Math.floor(world.random() * 2 ** 40).toString(36)}-${i}`
  const publisher = new MeetingNode(world, idOf(0))
  const others = Array.from({ length: peers }, (_, i) => new MeetingNode(world, idOf(i + 1)))
  const wanted = peers <= FULL_MESH_PEERS ? peers : Math.floor(GRAPH_DEGREE * ENOUGH_SHARE)
  for (const [i, node] of others.entries()) {
    const at = i === peers - 1 ? lateTrips * ROUND_TRIP_MS : 0
    world.clock.setTimer(at, () => { node.begin(publisher.id, wanted) })
  }
  const haveMet = (): boolean => others.every(one => one.metAt !== undefined)
  await world.clock.run({ untilMs: 60_000 + lateTrips * ROUND_TRIP_MS, until: haveMet })
  if (restTrips > 0) await world.clock.run({ untilMs: world.clock.now() + restTrips * ROUND_TRIP_MS })
  const trips = (of: (node: MeetingNode) => number | undefined): number[] => {
    return others.map(node => ((of(node) ?? NaN) - node.beganAt) / ROUND_TRIP_MS - CONNECT_TRIPS)
  }
  return {
    session: trips(node => node.sessionAt),
    learned: trips(node => node.learnedAt),
    met: trips(node => node.metAt),
    mostDials: Math.max(...others.map(node => node.dials)),
    mostAtOnce: Math.max(...others.map(node => node.mostAtOnce)),
    dials: others.reduce((sum, node) => sum + node.dials, 0),
    neighbours: others.map(({ swarm: { sessions } }) => sessions.size - (sessions.has(publisher.id) ? 1 : 0))
  }
}

interface World {
  readonly clock: VirtualClock
  readonly random: () => number
  readonly nodes: Map<string, MeetingNode>
}

/** A node that has no model yet: reception, discovery and a swarm. */
class MeetingNode implements Network {
  readonly ourId: string
  readonly swarm: Swarm
  beganAt = 0
  sessionAt: number | undefined
  learnedAt: number | undefined
  metAt: number | undefined
  dials = 0
  mostAtOnce = 0
  readonly #world: World
  readonly #reception: Reception
  readonly #discovery: Discovery
  readonly #connected = new Set<string>()
  readonly #identified = new Set<string>()
  #search: Search | undefined
  #publisherId = ''
  #wanted = Infinity
  readonly #underWay = new Set<string>()

  constructor (world: World, id: string) {
    const { clock, random } = world
    this.#world = world
    this.ourId = id
    world.nodes.set(id, this)
    this.swarm = new Swarm(ROOT, { clock, random, hash: async () => new Uint8Array(32) })
    const reputation = new Reputation({ now: clock.now })
    this.#reception = new Reception({
      ourId: id,
      roots: () => [ROOT],
      swarmOf: async () => this.swarm,
      hasEnough: swarm => this.#discovery.hasEnough(swarm),
      recordsFor: async (swarm, peerId) => await this.#discovery.recordsFor(swarm, peerId),
      prove: proofOf,
      reputation,
      clock
    })
    this.#discovery = new Discovery({
      network: this,
      reception: this.#reception,
      reputation,
      clock,
      random,
      signal: new AbortController().signal,
      readRecord: async (bytes, { isKnown }) => {
        const peerId = Buffer.from(bytes).toString()
        return isKnown(peerId) ? undefined : { peerId, addrs: [peerId] }
      }
    })
    this.swarm.events.onSession = session => {
      this.#underWay.delete(session.peerId)
      this.#discovery.onSession(this.swarm, session)
      this.#look()
    }
    this.swarm.events.onSessionEnd = (session, err) => { this.#discovery.onSessionEnd(this.swarm, session, err) }
    this.swarm.events.onPeers = (session, records) => {
      this.#discovery.onRecords(this.swarm, session, records).then(() => { this.#look() }, failed)
    }
  }

  get id (): string {
    return this.ourId
  }

  /** Looks for the swarm; there are so many to be met, the publisher included. */
  begin (publisherId: string, wanted: number): void {
    this.beganAt = this.#world.clock.now()
    this.#publisherId = publisherId
    this.#wanted = wanted
    this.#search = this.#discovery.search(this.swarm)
    this.#search.add({ peerId: publisherId, addrs: [publisherId], isHint: true })
  }

  addrOf (peerId: string): string | undefined {
    return this.#connected.has(peerId) ? peerId : undefined
  }

  async recordOf (peerId: string): Promise<Uint8Array | undefined> {
    return this.#identified.has(peerId) ? Buffer.from(peerId) : undefined
  }

  keepRecord (): void {}

  async identify (): Promise<void> {}

  async connect ({ key }: Candidate): Promise<Contact> {
    const them = this.#world.nodes.get(key)
    if (them === undefined) throw new Error(`There is no ${key}`)
    this.dials++
    this.#underWay.add(key)
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#underWay.size)
    if (!this.#connected.has(key)) {
      this.#after(ACCEPTED_TRIPS, () => { them.#onConnected(this) })
      await this.#trips(CONNECT_TRIPS)
      this.#onConnected(them)
    }
    return {
      peerId: key,
      addr: key,
      open: async kind => {
        const [near, far] = MemoryChannel.pair(this.#world.clock, ROUND_TRIP_MS / 2)
        this.#after(0.5, () => {
          if (kind === 'data') them.#reception.acceptData(far, this.id, this.id)
          else them.#reception.acceptControl(far, this.id, this.id).catch(failed)
        })
        if (kind === 'data') await this.#trips(1)
        return near
      }
    }
  }

  #onConnected (them: MeetingNode): void {
    this.#connected.add(them.id)
    this.#discovery.onPeer(them.id, [them.id])
    this.#after(IDENTIFY_TRIPS, () => {
      this.#identified.add(them.id)
      this.#discovery.onIdentified(them.id)
    })
  }

  #look (): void {
    const { sessions } = this.swarm
    const now = this.#world.clock.now()
    if (sessions.has(this.#publisherId)) this.sessionAt ??= now
    const isKnown = (id: string): boolean => sessions.has(id) || this.#search?.knows(id) === true
    const known = [...this.#world.nodes.keys()].filter(id => id !== this.id && isKnown(id))
    if (known.length >= this.#wanted) this.learnedAt ??= now
    if (sessions.size >= this.#wanted) this.metAt ??= now
  }

  #after (trips: number, fn: () => void): void {
    this.#world.clock.setTimer(trips * ROUND_TRIP_MS, fn)
  }

  async #trips (trips: number): Promise<void> {
    await new Promise<void>(resolve => { this.#after(trips, resolve) })
  }
}

function failed (err: unknown): never {
  throw err instanceof Error ? err : new Error('A meeting failed')
}
