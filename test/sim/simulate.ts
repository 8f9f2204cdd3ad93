import { GIVE_UP_SECONDS } from '../../src/defaults.ts'
import { Cores } from './cores.ts'
import { Crowd, shuffled } from './crowd.ts'
import { fakeManifest } from './fake-model.ts'
import { simNode } from './sim-node.ts'
import { Sampler } from './sampler.ts'
import { boundOf, bytesPerMs, slowestDown } from './scenario.ts'
import { seededRandom, VirtualClock } from './virtual-clock.ts'
import type { Sample } from './sampler.ts'
import type { Scenario } from './scenario.ts'
import type { SimPeer } from './sim-peer.ts'

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
  /** What the publisher sent, over the model's bytes; of several crowds together. */
  readonly copies: number
  /** Useless bytes over all the bytes peers needed. */
  readonly wasted: number
  readonly unfinished: number
  /** Blocks that neither a peer nor a publisher that is still there holds; of all crowds. */
  readonly lost: number
  /** From the first arrival until every block was held by some peer, in ms; undefined when that never was. */
  readonly spreadMs: number | undefined
  readonly events: number
  /** When each peer was complete, over the bound, ascending; Infinity for never. */
  readonly finished: readonly number[]
  readonly samples: readonly Sample[]
  readonly crowds: readonly Crowd[]
}

export interface SimulateOptions {
  /** Moments of the bound at which the swarm is looked at. Default: 100. */
  readonly looksPerBound?: number
  /** Called at each of them, between events. */
  readonly onLook?: (crowds: readonly Crowd[], atMs: number) => void
}

/**
 * Runs one scenario once, in virtual time, until everybody is complete or has given up: after GIVE_UP_SECONDS without
 * a block, as a pull does.
 */
export async function simulate (scenario: Scenario, seed: number, options: SimulateOptions = {}): Promise<Outcome> {
  const clock = new VirtualClock()
  const random = seededRandom(seed)
  const boundMs = boundOf(scenario)
  const crowds = crowdsOf(scenario, clock, random)
  const crowdOf = (i: number): Crowd => {
    const crowd = crowds[i % crowds.length]
    if (crowd === undefined) throw new Error('A scenario has at least one crowd')
    return crowd
  }
  const progress = { toArrive: scenario.peers, lastArrivalMs: 0, hasGivenUp: false }
  const arrive = (i: number): SimPeer => {
    progress.toArrive--
    progress.lastArrivalMs = clock.now()
    return crowdOf(i).arrive(i)
  }
  const early = Array.from({ length: scenario.peers }, (_, i) => i).filter(i => {
    const at = scenario.arrivalMs?.(i, random) ?? 0
    if (at > 0) clock.setTimer(at, () => { crowdOf(i).meet(arrive(i)) })
    return at === 0
  })
  for (const i of early) arrive(i)
  for (const crowd of crowds) for (const peer of shuffled(crowd.peers, random)) crowd.meet(peer)
  for (const crowd of crowds) {
    setChurn(crowd, { scenario, clock, random, boundMs }, arrive, progress)
    setDepartures(crowd, { scenario, clock, random, boundMs })
  }
  const sampler = new Sampler(crowds, boundMs / (options.looksPerBound ?? 100), atMs => {
    options.onLook?.(crowds, atMs)
    progress.hasGivenUp = progress.toArrive === 0 && everyPeer(crowds, peer => {
      return peer.completeAt !== undefined || atMs - peer.storedAt > GIVE_UP_SECONDS * 1000
    })
  })
  await clock.run({
    untilMs: 20 * boundMs + 60_000,
    until: () => progress.toArrive === 0 && (progress.hasGivenUp || crowds.every(crowd => crowd.isComplete)),
    onInstant: now => { sampler.onInstant(now) }
  })
  sampler.look(clock.now())
  // With churn or arrivals nobody can be done before the last arrival had time for the file.
  const lastMs = Math.max(boundMs, progress.lastArrivalMs + scenario.fileBytes / bytesPerMs(slowestDown(scenario)))
  return {
    name: scenario.name,
    seed,
    boundMs,
    ...figuresOf(crowds, scenario, boundMs, lastMs),
    events: clock.events,
    samples: sampler.samples,
    crowds
  }
}

interface Setting { scenario: Scenario, clock: VirtualClock, random: () => number, boundMs: number }

function crowdsOf (scenario: Scenario, clock: VirtualClock, random: () => number): Crowd[] {
  const origin = simNode(clock, { up: scenario.publisherUp, down: scenario.publisherUp }, scenario)
  const cores = scenario.machine === undefined ? undefined : new Cores(clock, scenario.machine.cores)
  return Array.from({ length: scenario.crowds ?? 1 }, (_, i) => {
    const manifest = fakeManifest(scenario.fileBytes, scenario.blockBytes, i)
    return new Crowd({ scenario, clock, random, manifest, origin, cores })
  })
}

function setChurn (
  crowd: Crowd, { scenario, clock, random, boundMs }: Setting, arrive: (i: number) => SimPeer,
  progress: { toArrive: number }
): void {
  if (scenario.churn === undefined) return
  for (const peer of shuffled(crowd.alive, random).slice(0, Math.round(scenario.churn * crowd.alive.length))) {
    clock.setTimer(random() * boundMs, () => {
      if (peer.completeAt !== undefined) return
      crowd.lose(peer)
      progress.toArrive++
      crowd.meet(arrive(crowd.alive.length))
    })
  }
}

function setDepartures (crowd: Crowd, { scenario, clock, random, boundMs }: Setting): void {
  const { vanish, publisherLeavesAt } = scenario
  if (vanish !== undefined) {
    clock.setTimer(vanish.at * boundMs, () => {
      const leavers = shuffled(crowd.alive, random).slice(0, Math.round(vanish.share * crowd.alive.length))
      for (const peer of leavers) crowd.lose(peer)
      for (const peer of crowd.alive) crowd.meet(peer)
    })
  }
  if (publisherLeavesAt !== undefined) clock.setTimer(publisherLeavesAt * boundMs, () => { crowd.publisher.leave() })
}

function everyPeer (crowds: readonly Crowd[], is: (peer: SimPeer) => boolean): boolean {
  return crowds.every(({ alive }) => alive.every(is))
}

function figuresOf (
  crowds: readonly Crowd[], scenario: Scenario, boundMs: number, lastMs: number
): Pick<Outcome, 'last' | 'median' | 'copies' | 'wasted' | 'unfinished' | 'lost' | 'spreadMs' | 'finished'> {
  const staying = crowds.flatMap(({ alive }) => alive)
  const unfinished = staying.filter(peer => peer.completeAt === undefined).length
  const finished = staying.map(peer => (peer.completeAt ?? Infinity) / lastMs).sort((a, b) => a - b)
  const own = staying.map(peer => ((peer.completeAt ?? Infinity) - peer.joinedAt) / boundMs).sort((a, b) => a - b)
  const spreadMs = Math.max(...crowds.map(crowd => crowd.spreadAt ?? NaN))
  const sent = crowds.reduce((sum, { publisher }) => sum + publisher.swarm.sentBytes, 0)
  return {
    last: unfinished === 0 ? finished.at(-1) ?? NaN : NaN,
    median: unfinished === 0 ? own[own.length >> 1] ?? NaN : NaN,
    copies: sent / (scenario.fileBytes * crowds.length),
    wasted: staying.reduce((sum, peer) => sum + peer.wastedBytes, 0) / (scenario.fileBytes * staying.length),
    unfinished,
    lost: crowds.reduce((sum, crowd) => sum + crowd.lostBlocks().length, 0),
    spreadMs: Number.isNaN(spreadMs) ? undefined : spreadMs,
    finished
  }
}
