import { Bitfield } from '../../src/model/bitfield.ts'
import { ENOUGH_SHARE, PARALLEL_DIALS } from '../../src/defaults.ts'
import { simNode } from './sim-node.ts'
import { connect, SimPeer } from './sim-peer.ts'
import type { SimNode } from './network.ts'
import type { Cores } from './cores.ts'
import type { Machine, Scenario } from './scenario.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { Manifest } from '../../src/model/manifest.ts'

export interface CrowdParts {
  readonly scenario: Scenario
  readonly clock: VirtualClock
  readonly random: () => number
  readonly manifest: Manifest
  /** The publisher's link, perhaps shared with other crowds. */
  readonly origin: SimNode
  /** What all nodes compute on; undefined when that takes no time. */
  readonly cores: Cores | undefined
}

/** Neighbours that a peer in need of some makes others accept, for each that is looked for; discovery has more room. */
const ROOM = 4
/** Dials that cross give some more neighbours than they look for, refusals others fewer (`simulate -- meeting`). */
const SPREAD = [0.9, 1.2] as const

/** The publisher and the peers of one model: who arrives, whom they meet, who leaves. Stands for discovery. */
export class Crowd {
  readonly manifest: Manifest
  readonly publisher: SimPeer
  /** Everybody who ever arrived, and those who have not left. */
  readonly peers: SimPeer[] = []
  readonly alive: SimPeer[] = []
  readonly #parts: CrowdParts
  /** When every block had been held by some peer. */
  spreadAt: number | undefined
  #unfinished = 0
  readonly #seen: Bitfield
  readonly #degree: number
  /** Neighbours that each peer looks for, and accepts. */
  readonly #wanted = new Map<SimPeer, number>()
  /** What each peer has still to dial, and how many dials it has under way. */
  readonly #dials = new Map<SimPeer, { waiting: Array<() => void>, underWay: number }>()

  /** Connections that were begun, by each end. */
  readonly #connects = new Map<SimPeer, number>()

  constructor (parts: CrowdParts) {
    const { scenario, clock, random, manifest, origin } = parts
    this.#parts = parts
    this.manifest = manifest
    this.#seen = new Bitfield(manifest.blockCount)
    this.#degree = scenario.degree ?? (scenario.peers <= 20 ? Infinity : 16)
    this.publisher = new SimPeer({
      id: 'publisher',
      clock,
      random,
      manifest,
      node: origin,
      role: scenario.origin ?? 'publisher',
      open: scenario.open ?? 'spare'
    })
    this.publisher.start()
  }

  /** True when everybody who is there has everything. */
  get isComplete (): boolean {
    return this.#unfinished === 0
  }

  /** Blocks that nobody holds who is there. */
  lostBlocks (): number[] {
    const { alive, publisher, manifest } = this
    const isHeld = (block: number): boolean => !publisher.isGone || alive.some(peer => peer.held.has(block))
    return Array.from({ length: manifest.blockCount }, (_, block) => block).filter(block => !isHeld(block))
  }

  /** Peer i of the scenario is there and dials the publisher, if it knows it. */
  arrive (i: number): SimPeer {
    const { scenario, clock, random, manifest, cores } = this.#parts
    const held = this.#heldBy(i)
    const peer = new SimPeer({
      id: `peer${this.peers.length}`,
      clock,
      random,
      manifest,
      node: simNode(clock, scenario.rates(i), scenario),
      role: 'puller',
      held,
      onStored: block => { this.#see(block) },
      onComplete: () => { this.#unfinished-- },
      gives: scenario.gives?.(i) ?? 'blocks',
      ...(cores !== undefined && scenario.machine !== undefined && {
        work: (ms: number, fn: () => void) => { cores.work(ms, fn) },
        msPerMiB: scenario.machine.msPerMiB
      })
    })
    peer.start()
    for (const block of held?.indexes() ?? []) this.#see(block)
    if (peer.completeAt === undefined) this.#unfinished++
    const knowsPublisher = this.peers.length < (scenario.publisherDegree ?? 32) ||
      (scenario.publisherDegree === undefined && scenario.peers <= 32)
    if (knowsPublisher && !this.publisher.isGone) this.#dial(peer, this.publisher)
    this.peers.push(peer)
    this.alive.push(peer)
    return peer
  }

  /**
   * As discovery does: a peer dials others at random until it has enough neighbours. Who has enough refuses it, unless
   * it is short of them all the same.
   */
  meet (peer: SimPeer): void {
    const others = shuffled(this.alive, this.#parts.random)
    this.#meetSome(peer, others, this.#wantedBy(peer), other => this.#wantedBy(other))
    this.#meetSome(peer, others, this.#degree * ENOUGH_SHARE, () => this.#degree * ROOM)
  }

  #wantedBy (peer: SimPeer): number {
    const [least, most] = SPREAD
    const wanted = this.#wanted.get(peer) ?? Math.round(this.#degree * (least + (most - least) * this.#parts.random()))
    this.#wanted.set(peer, wanted)
    return wanted
  }

  #meetSome (peer: SimPeer, others: readonly SimPeer[], wanted: number, roomOf: (other: SimPeer) => number): void {
    for (const other of others) {
      if (peer.neighbours.size >= wanted) break
      if (other === peer || peer.neighbours.has(other) || other.neighbours.size >= roomOf(other)) continue
      peer.neighbours.add(other)
      other.neighbours.add(peer)
      this.#dial(peer, other)
    }
  }

  /** A peer goes without a word. */
  lose (peer: SimPeer): void {
    peer.leave()
    if (peer.completeAt === undefined) this.#unfinished--
    this.alive.splice(this.alive.indexOf(peer), 1)
    for (const other of peer.neighbours) other.neighbours.delete(peer)
  }

  /** A few at a time, and with the work that costs, where there is a machine. */
  #dial (from: SimPeer, to: SimPeer): void {
    const { scenario, random, cores } = this.#parts
    const latencyMs = scenario.latencyMs ?? 5 + random() * 45
    const { machine } = scenario
    if (cores === undefined || machine === undefined) return connect(from, to, latencyMs)
    const dials = this.#dials.get(from) ?? { waiting: [], underWay: 0 }
    this.#dials.set(from, dials)
    const next = (): void => {
      const start = dials.underWay < PARALLEL_DIALS ? dials.waiting.shift() : undefined
      if (start === undefined) return
      dials.underWay++
      start()
    }
    dials.waiting.push(() => {
      cores.work(this.#connectMs(from, machine), () => {
        cores.work(this.#connectMs(to, machine), () => {
          connect(from, to, latencyMs, () => {
            dials.underWay--
            next()
          })
        })
      })
    })
    next()
  }

  #connectMs (peer: SimPeer, { connectMs, coldConnectMs, coldConnects }: Machine): number {
    const before = this.#connects.get(peer) ?? 0
    this.#connects.set(peer, before + 1)
    return before < coldConnects ? coldConnectMs : connectMs
  }

  #see (block: number): void {
    this.#seen.add(block)
    if (this.#seen.isFull) this.spreadAt ??= this.#parts.clock.now()
  }

  #heldBy (i: number): Bitfield | undefined {
    const { holds } = this.#parts.scenario
    if (holds === undefined) return undefined
    const held = new Bitfield(this.manifest.blockCount)
    for (let block = 0; block < held.length; block++) if (holds(i, block)) held.add(block)
    return held
  }
}

/** In random order. */
export function shuffled<T> (items: readonly T[], random: () => number): T[] {
  const copy = [...items]
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const a = copy[i]
    const b = copy[j]
    if (a !== undefined && b !== undefined) [copy[i], copy[j]] = [b, a]
  }
  return copy
}
