import type { OpenPolicy } from '../../src/api.ts'

/** Mbit/s on the wire to payload bytes a ms: headers take 4.3 % of a shaped link (lab/RESULTS.md). */
export const HEADER_SHARE = 0.043

export function bytesPerMs (mbit: number): number {
  return wireBytesPerMs(mbit) * (1 - HEADER_SHARE)
}

export function wireBytesPerMs (mbit: number): number {
  return mbit * 125
}

/** One machine that carries all the nodes, as the lab's does: what they compute, they compute one after the other. */
export interface Machine {
  readonly cores: number
  /** Of a core, for each end of a new connection. */
  readonly connectMs: number
  /** Of a core, for each of the first connections of a process, whose code is not compiled yet. */
  readonly coldConnectMs: number
  readonly coldConnects: number
  /** Of a core, for each MiB received, its sender's part included. */
  readonly msPerMiB: number
}

/** What a swarm is made of and what happens to it, as values: `simulate` runs it. */
export interface Scenario {
  readonly name: string
  /** Not run unless named: takes more than about a minute. */
  readonly isLong?: boolean
  readonly peers: number
  readonly fileBytes: number
  readonly blockBytes: number
  /** Mbit/s on the wire. */
  readonly publisherUp: number
  /** Up and down of peer i. */
  readonly rates: (i: number) => { up: number, down: number }
  /** One-way latency of a pair in ms; default uniform 5 to 50. */
  readonly latencyMs?: number
  /** Neighbours of each peer. Default: all up to 20 peers, else 16. */
  readonly degree?: number
  /** Peers that know the publisher. Default: all up to 32, then 32. */
  readonly publisherDegree?: number
  /** Links are shared in chunks of so many bytes. Default: 16 KiB. */
  readonly chunkBytes?: number
  /** `shaped`: TCP through queues that drop, as in the lab. Default: fair shares, nothing is lost. */
  readonly network?: 'fair' | 'shaped'
  readonly open?: OpenPolicy
  /** A seeder in the publisher's place serves whatever is asked, and chooses nothing. Default: publisher. */
  readonly origin?: 'publisher' | 'seeder'
  /** So many models, each with a publisher of its own on one node, and its share of the peers. Default: 1. */
  readonly crowds?: number
  /** Default: computing takes no time but 1 ms a MiB, and connecting 4 round trips. */
  readonly machine?: Machine
  /** ms after which peer i arrives. */
  readonly arrivalMs?: (i: number, random: () => number) => number
  /** What peer i holds from the start. Default: nothing. */
  readonly holds?: (i: number, block: number) => boolean
  /** What peer i does when it is asked for a block. Default: gives it. */
  readonly gives?: (i: number) => Giving
  /** Share of the peers that leave at a random moment, an empty one taking the place. */
  readonly churn?: number
  /** A share of the peers that leaves for good, all at once; when, in shares of the bound. */
  readonly vanish?: { readonly share: number, readonly at: number }
  /** When the publisher leaves, in shares of the bound. */
  readonly publisherLeavesAt?: number
}

/** `refusals`: says that it cannot read the block; `nothing`: never answers. */
export type Giving = 'blocks' | 'refusals' | 'nothing'

/** The fluid bound, T = max(F/U, F/min d, N F/(U + sum u)), in ms and net of headers; of all crowds together. */
export function boundOf (scenario: Scenario): number {
  const { peers, publisherUp, fileBytes, crowds = 1 } = scenario
  const rates = Array.from({ length: peers }, (_, i) => scenario.rates(i))
  const sumUp = rates.reduce((sum, { up }) => sum + up, publisherUp)
  return Math.max(
    crowds * fileBytes / bytesPerMs(publisherUp),
    fileBytes / bytesPerMs(slowestDown(scenario)),
    peers * fileBytes / bytesPerMs(sumUp)
  )
}

export function slowestDown (scenario: Scenario): number {
  let least = Infinity
  for (let i = 0; i < scenario.peers; i++) least = Math.min(least, scenario.rates(i).down)
  return least
}
