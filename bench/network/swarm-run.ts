import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { compareFiles, hashFiles } from '../../examples/demo/check.ts'
import { numberOf, textOf } from '../child.ts'
import { busySeconds } from '../machine.ts'
import { addedBetween, decodeTrace } from './phases.ts'
import { Star } from './star.ts'
import type { BenchOptions, NetworkOptions } from '../bench.ts'
import type { Child } from '../child.ts'
import type { MadeModel } from '../workspace.ts'
import type { Trace } from './phases.ts'
import type { Place } from './star.ts'

/** What one publisher and its peers did in the shaped network, once. */
export interface SwarmRun {
  /** When each peer had everything, from the moment all were asked; rising. */
  seconds: number[]
  /** What had come to the last of them by when. */
  lastTrace: Trace
  /** CPU seconds of the whole machine by when; empty where nothing tells. */
  busy: Trace
  /** Payload that the publisher sent, over the model. */
  copies: number
  /** What came over the peers' links, protocol and encryption included, over what they needed. */
  received: number
  /** CPU seconds from then to the last finish, all threads; of the peers their mean. */
  publisherCpu: number
  peerCpu: number
  networkCpu: number
  /** Share of the machine's cores in use: near 1 they set the pace, not the network. NaN where nothing tells. */
  busyShare: number
}

const LOOK_MS = 250

interface Member {
  readonly child: Child
  readonly place: Place
}

/**
 * One publisher and `peers` peers, fresh processes and state folders, all started before any is asked to pull. Every
 * file is compared by sha256 afterwards.
 *
 * @throws SkippedError when there is no room
 */
export async function runSwarm (options: BenchOptions, network: NetworkOptions, model: MadeModel): Promise<SwarmRun> {
  const { start, workspace } = options
  const { peers } = network
  const work = await workspace.ramFolder(peers * model.bytes)
  const star = await Star.start(start, network)
  const members: Member[] = []
  for (let i = 0; i <= peers; i++) {
    const child = start('node')
    const addr = textOf(await child.ask('start', { state: join(work, `state-${i}`) }), 'addr')
    members.push({ child, place: { node: await star.addNode(), port: Number(/\/tcp\/(\d+)/.exec(addr)?.[1]) } })
  }
  const [publisher, ...pullers] = members
  if (publisher === undefined) throw new Error('A swarm without a publisher')
  for (const { child, place } of members) {
    const others = members.filter(other => other.place !== place).map(other => other.place)
    await child.ask('doors', { doors: await star.doorsTo(place.node, others) })
  }
  const link = textOf(await publisher.child.ask('publish', { path: model.path }), 'link')

  await Promise.all([star.mark(), ...members.map(async ({ child }) => { await child.ask('mark') })])
  const outOf = (i: number): string => join(work, `out-${i}`)
  const watch = watchCores()
  const startMs = performance.now()
  const pulls = await Promise.all(pullers.map(async ({ child }, i) => {
    const reply = await child.ask('pull', { link, out: outOf(i) })
    return { seconds: (performance.now() - startMs) / 1000, trace: textOf(reply, 'trace') }
  }))
  const busy = watch.stop()
  pulls.sort((a, b) => a.seconds - b.seconds)
  const last = pulls.at(-1)
  if (last === undefined) throw new Error('A swarm without peers')
  const cpu = await Promise.all(members.map(async ({ child }) => numberOf(await child.ask('usage'), 'cpuSeconds')))
  const networkCpu = await star.cpuSeconds()
  const downBytes = await Promise.all(pullers.map(async ({ place }) => (await star.carried(place.node)).downBytes))
  const sentBytes = numberOf(await publisher.child.ask('sent'), 'sentBytes')

  await Promise.all(members.map(async ({ child }) => { await child.ask('stop') }))
  await Promise.all([star.stop(), ...members.map(async ({ child }) => { await child.stop() })])
  const published = await hashFiles(model.path)
  for (let i = 0; i < peers; i++) compareFiles(published, await hashFiles(outOf(i)), `peer ${i + 1}`)
  await workspace.drop(work)
  return {
    seconds: pulls.map(({ seconds }) => seconds),
    lastTrace: decodeTrace(last.trace),
    busy,
    copies: sentBytes / model.bytes,
    received: sum(downBytes) / (peers * model.bytes),
    publisherCpu: cpu[0] ?? 0,
    peerCpu: sum(cpu.slice(1)) / peers,
    networkCpu,
    busyShare: coresBusy(busy, 0, last.seconds * 1000)
  }
}

/** Share of the cores that were in use from one time of a run to another; NaN where nothing tells. */
export function coresBusy (busy: Trace, fromMs: number, toMs: number): number {
  return busy.length < 2 ? NaN : addedBetween(busy, fromMs, toMs) / ((toMs - fromMs) / 1000) / availableParallelism()
}

/** Looks at the machine's CPU time now and then. */
function watchCores (): { stop: () => Trace } {
  const samples: Array<[number, number]> = []
  const startMs = performance.now()
  const look = (): void => {
    const seconds = busySeconds()
    if (seconds !== undefined) samples.push([performance.now() - startMs, seconds])
  }
  look()
  const timer = setInterval(look, LOOK_MS)
  return {
    stop: () => {
      clearInterval(timer)
      look()
      return samples
    }
  }
}

function sum (values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
