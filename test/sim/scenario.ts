import { ManifestBuilder } from '../../src/model/manifest-builder.ts'
import { cidOfDigest, DAG_PB_CODEC } from '../../src/model/block-id.ts'
import { NetworkNode } from './network.ts'
import { connect, SimPeer } from './sim-peer.ts'
import { seededRandom, VirtualClock } from './virtual-clock.ts'
import type { OpenPolicy } from '../../src/api.ts'
import type { Manifest } from '../../src/model/manifest.ts'

/** Peers accepted beyond those one looks for itself: discovery accepts far more (MAX_PEERS_PER_MODEL). */
const ROOM = 4

/** Mbit/s on the wire to payload bytes a ms: headers take 4.3 % of a shaped link (lab/RESULTS.md). */
export const HEADER_SHARE = 0.043
const bytesPerMs = (mbit: number): number => mbit * 125 * (1 - HEADER_SHARE)

export interface Scenario {
  readonly name: string
  readonly peers: number
  readonly fileBytes: number
  readonly blockBytes: number
  /** Mbit/s on the wire. */
  readonly publisherUp: number
  /** Up and down of peer i. */
  readonly rates: (i: number) => { up: number, down: number }
  /** One-way latency of a pair in ms; default uniform 5 to 50. */
  readonly latencyMs?: number
  /** Neighbours of each peer beyond 20 peers. Default: 16. */
  readonly degree?: number
  /** Peers that know the publisher. Default: all up to 32, then 32 at random. */
  readonly publisherDegree?: number
  /** ms after which peer i arrives. */
  readonly arrivalMs?: (i: number, random: () => number) => number
  /** Share of the peers that leave at a random moment, an empty one taking the place. */
  readonly churn?: number
  readonly open?: OpenPolicy
  /** When the publisher leaves, in shares of the bound. */
  readonly publisherLeavesAt?: number
}

export interface Outcome {
  readonly name: string
  readonly seed: number
  /** Fluid bound net of headers, in ms. */
  readonly boundMs: number
  /**
   * Last finisher over the bound (with arrivals: the bound of the last to arrive), median peer's own time over the
   * bound; NaN when somebody did not finish.
   */
  readonly last: number
  readonly median: number
  readonly copies: number
  /** Useless bytes over all the bytes peers needed. */
  readonly wasted: number
  readonly unfinished: number
  readonly events: number
  /** When each peer was complete, over the bound, ascending. */
  readonly finished: readonly number[]
}

/** Runs one scenario once, in virtual time. */
export async function simulate (scenario: Scenario, seed: number): Promise<Outcome> {
  const clock = new VirtualClock()
  const random = seededRandom(seed)
  const manifest = manifestOf(scenario.fileBytes, scenario.blockBytes)
  const newNode = (up: number, down: number): NetworkNode => {
    return new NetworkNode(clock, { upBytesPerMs: bytesPerMs(up), downBytesPerMs: bytesPerMs(down) })
  }
  const publisher = new SimPeer({
    id: 'publisher',
    clock,
    random,
    manifest,
    node: newNode(scenario.publisherUp, scenario.publisherUp),
    role: 'publisher',
    open: scenario.open ?? 'spare'
  })
  publisher.start()
  const boundMs = boundOf(scenario)
  const peers: SimPeer[] = []
  const alive: SimPeer[] = []
  const latency = (): number => scenario.latencyMs ?? 5 + random() * 45
  let toArrive = scenario.peers
  let lastArrivalMs = 0
  const arrive = (i: number): SimPeer => {
    const { up, down } = scenario.rates(i)
    const peer = new SimPeer({ id: `peer${peers.length}`, clock, random, manifest, node: newNode(up, down), role: 'puller' })
    toArrive--
    peer.start()
    const knowsPublisher = peers.length < (scenario.publisherDegree ?? 32) || scenario.peers <= 32
    if (knowsPublisher) connect(peer, publisher, latency())
    peers.push(peer)
    alive.push(peer)
    lastArrivalMs = clock.now()
    return peer
  }
  const degree = scenario.peers <= 20 ? Infinity : scenario.degree ?? 16
  // As discovery does: a peer dials others at random until it has enough; those take it while they have room.
  const meet = (peer: SimPeer): void => {
    for (const other of shuffled(alive, random)) {
      if (peer.neighbours.size >= degree) break
      if (other === peer || peer.neighbours.has(other) || other.neighbours.size >= degree * ROOM) continue
      peer.neighbours.add(other)
      other.neighbours.add(peer)
      connect(peer, other, latency())
    }
  }
  const early = Array.from({ length: scenario.peers }, (_, i) => i).filter(i => {
    const at = scenario.arrivalMs?.(i, random) ?? 0
    if (at > 0) clock.setTimer(at, () => { meet(arrive(i)) })
    return at === 0
  })
  for (const peer of shuffled(early.map(arrive), random)) meet(peer)
  if (scenario.churn !== undefined) {
    for (const peer of shuffled(alive, random).slice(0, Math.round(scenario.churn * scenario.peers))) {
      clock.setTimer(random() * boundMs, () => {
        if (peer.completeAt !== undefined) return
        peer.leave()
        alive.splice(alive.indexOf(peer), 1)
        for (const other of peer.neighbours) other.neighbours.delete(peer)
        toArrive++
        meet(arrive(alive.length))
      })
    }
  }
  if (scenario.publisherLeavesAt !== undefined) {
    clock.setTimer(scenario.publisherLeavesAt * boundMs, () => { publisher.leave() })
  }
  await clock.run({
    untilMs: 20 * boundMs + 60_000,
    until: () => toArrive === 0 && peers.every(peer => peer.isGone || peer.completeAt !== undefined)
  })
  const staying = peers.filter(peer => !peer.isGone)
  // With churn or arrivals nobody can be done before the last arrival had time for the file.
  const slowest = Math.min(...Array.from({ length: scenario.peers }, (_, i) => scenario.rates(i).down))
  const lastBoundMs = Math.max(boundMs, lastArrivalMs + scenario.fileBytes / bytesPerMs(slowest))
  const finished = staying.map(peer => (peer.completeAt ?? NaN) / lastBoundMs).sort((a, b) => a - b)
  const own = staying.map(peer => ((peer.completeAt ?? NaN) - peer.joinedAt) / boundMs).sort((a, b) => a - b)
  const needed = scenario.fileBytes * staying.length
  return {
    name: scenario.name,
    seed,
    boundMs,
    last: finished.at(-1) ?? NaN,
    median: own[own.length >> 1] ?? NaN,
    copies: publisher.swarm.sentBytes / scenario.fileBytes,
    wasted: staying.reduce((sum, peer) => sum + peer.wastedBytes, 0) / needed,
    unfinished: staying.filter(peer => peer.completeAt === undefined).length,
    events: clock.events,
    finished
  }
}

/** The fluid bound, T = max(F/U, F/min d, N F/(U + sum u)), in ms and net of headers. */
export function boundOf (scenario: Scenario): number {
  const rates = Array.from({ length: scenario.peers }, (_, i) => scenario.rates(i))
  const sumUp = rates.reduce((sum, { up }) => sum + up, scenario.publisherUp)
  return Math.max(
    scenario.fileBytes / bytesPerMs(scenario.publisherUp),
    scenario.fileBytes / bytesPerMs(Math.min(...rates.map(({ down }) => down))),
    scenario.peers * scenario.fileBytes / bytesPerMs(sumUp)
  )
}

const manifests = new Map<string, Manifest>()

function manifestOf (fileBytes: number, blockBytes: number): Manifest {
  const key = `${fileBytes}/${blockBytes}`
  const known = manifests.get(key)
  if (known !== undefined) return known
  const builder = new ManifestBuilder()
  builder.openFile('file.bin', 'raw')
  for (let at = 0, i = 0; at < fileBytes; at += blockBytes, i++) {
    const digest = new Uint8Array(32)
    new DataView(digest.buffer).setUint32(0, Math.imul(i + 1, 2654435761))
    new DataView(digest.buffer).setUint32(4, i)
    builder.addBlock(digest, Math.min(blockBytes, fileBytes - at))
  }
  const manifest = builder.build(cidOfDigest(new Uint8Array(32), DAG_PB_CODEC))
  manifests.set(key, manifest)
  return manifest
}

function shuffled<T> (items: readonly T[], random: () => number): T[] {
  const copy = [...items]
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const a = copy[i]
    const b = copy[j]
    if (a !== undefined && b !== undefined) [copy[i], copy[j]] = [b, a]
  }
  return copy
}
