import { crashTest } from './crash-test.ts'
import { connections } from './connections.ts'
import { flash } from './flash.ts'
import { fuzz } from './fuzz.ts'
import { hostile } from './hostile.ts'
import { longPath } from './long-path.ts'
import { memory } from './memory.ts'
import { GIB, MIB } from './bench.ts'
import { publish } from './publish.ts'
import { schedule } from './schedule.ts'
import { soak } from './soak.ts'
import { start } from './start.ts'
import { state } from './state.ts'
import { transfer } from './transfer.ts'
import type { Bench, NetworkBench, NetworkOptions } from './bench.ts'

/** The numbers that only some benches take, by their option. */
export type OwnOption = 'peers' | 'rate' | 'rtt' | 'seed' | 'kills' | 'inputs' | 'minutes' | 'nodes'

/** A bench, and what main.ts must know to run it. */
export type Entry = {
  /** Of the model, unless told otherwise. */
  readonly sizeBytes: number
  readonly takes: readonly OwnOption[]
  /** Run also when none is named. */
  readonly isUsual: boolean
  /** It looks for what breaks: a promise that is broken is exit code 1. */
  readonly isTest: boolean
  readonly limitMs: number
} & ({ readonly bench: Bench } | { readonly networkBench: NetworkBench, readonly network: NetworkOptions })

const MINUTES = 60_000
const USUAL = { sizeBytes: GIB, takes: [], isUsual: true, isTest: false, limitMs: 15 * MINUTES } as const
const NETWORK = { takes: ['peers', 'rate', 'rtt'], isUsual: false, isTest: false, limitMs: 15 * MINUTES } as const
const LASTING = { sizeBytes: GIB, isUsual: false, isTest: true, limitMs: 90 * MINUTES } as const

/** Every bench by its name. */
export const BENCHES: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ['publish', { ...USUAL, bench: publish }],
  ['transfer', { ...USUAL, bench: transfer }],
  ['memory', { ...USUAL, bench: memory }],
  ['state', { ...USUAL, bench: state }],
  ['schedule', { ...USUAL, bench: schedule }],
  ['flash', { ...NETWORK, networkBench: flash, sizeBytes: 64 * MIB, network: { peers: 8, mbitPerSec: 40, rttMs: 10 } }],
  ['long-path', {
    ...NETWORK, networkBench: longPath, sizeBytes: 512 * MIB, network: { peers: 1, mbitPerSec: 200, rttMs: 100 }
  }],
  ['hostile', { ...USUAL, bench: hostile, isUsual: false, limitMs: 30 * MINUTES }],
  ['start', { ...USUAL, bench: start, isUsual: false, sizeBytes: 64 * MIB }],
  ['connections', { ...USUAL, bench: connections, isUsual: false }],
  ['crash-test', { ...LASTING, bench: crashTest, takes: ['kills', 'seed'] }],
  ['fuzz', { ...LASTING, bench: fuzz, takes: ['inputs', 'seed'] }],
  ['soak', { ...LASTING, bench: soak, takes: ['minutes', 'nodes', 'seed'] }]
])
