// Measures what the project promises, each figure beside a baseline of the same run.
//
//   npm run bench [-- NAME...] [--size 1GiB] [--runs 3] [--json] [--profile DIR] [--peers 8] [--rate 40] [--rtt 10]
//
// NAME: publish, transfer, memory, state, schedule; all of these when none is given. And, only when asked for, as they
// take minutes: flash, a publisher and many peers, and long-path, one peer far away, both in a network of limited links
// (--peers, --rate in Mbit/s, --rtt in ms). Figures mean something on an idle machine only: the load before each bench
// is told. Everything it makes is removed, every process it starts is ended. --profile writes CPU profiles of the
// processes that transfer uses into DIR, and lists where their time goes.
import '../src/polyfill.ts'
import { parseArgs } from 'node:util'
import { GIB, MIB, SkippedError } from './bench.ts'
import { Child } from './child.ts'
import { flash } from './flash.ts'
import { longPath } from './long-path.ts'
import { load, machineFacts } from './machine.ts'
import { memory } from './memory.ts'
import { publish } from './publish.ts'
import { jsonReport, markdownReport } from './report.ts'
import { schedule } from './schedule.ts'
import { state } from './state.ts'
import { transfer } from './transfer.ts'
import { Workspace } from './workspace.ts'
import type { Bench, NetworkBench, NetworkOptions } from './bench.ts'

/** How a bench is run, and how large its model is unless told otherwise. */
type Entry = { sizeBytes: number } & (
  | { bench: Bench }
  /** Run only when asked for. */
  | { networkBench: NetworkBench, network: NetworkOptions }
)

const BENCHES: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ['publish', { bench: publish, sizeBytes: GIB }],
  ['transfer', { bench: transfer, sizeBytes: GIB }],
  ['memory', { bench: memory, sizeBytes: GIB }],
  ['state', { bench: state, sizeBytes: GIB }],
  ['schedule', { bench: schedule, sizeBytes: GIB }],
  ['flash', { networkBench: flash, sizeBytes: 64 * MIB, network: { peers: 8, mbitPerSec: 40, rttMs: 10 } }],
  ['long-path', { networkBench: longPath, sizeBytes: 512 * MIB, network: { peers: 1, mbitPerSec: 200, rttMs: 100 } }]
])
/** One bench ends within this, one way or the other. */
const LIMIT_MS = 15 * 60_000

interface Options {
  benches: Planned[]
  runs: number
  json: boolean
  profileDir: string | undefined
}

interface Planned {
  name: string
  sizeBytes: number
  bench: Bench
}

try {
  await main(readOptions())
} catch (err) {
  console.error(`bench: ${err instanceof Error ? err.message : 'it failed'}`)
  process.exitCode = 1
}

function readOptions (): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      size: { type: 'string' },
      runs: { type: 'string', default: '3' },
      json: { type: 'boolean', default: false },
      profile: { type: 'string' },
      peers: { type: 'string' },
      rate: { type: 'string' },
      rtt: { type: 'string' }
    }
  })
  const sizeBytes = values.size === undefined ? undefined : parseSize(values.size)
  const network = {
    ...(values.peers !== undefined && { peers: parseNumber('--peers', values.peers, { least: 1, most: 32 }) }),
    ...(values.rate !== undefined && { mbitPerSec: parseNumber('--rate', values.rate, { least: 1, most: 1000 }) }),
    ...(values.rtt !== undefined && { rttMs: parseNumber('--rtt', values.rtt, { least: 0, most: 1000 }) })
  }
  const names = positionals.length === 0 ? [...BENCHES].filter(([, entry]) => 'bench' in entry).map(([name]) => name) : positionals
  const benches = names.map((name): Planned => {
    const entry = BENCHES.get(name)
    if (entry === undefined) throw new Error(`there is no bench ${name}; there are ${[...BENCHES.keys()].join(', ')}`)
    return { name, sizeBytes: sizeBytes ?? entry.sizeBytes, bench: benchOf(name, entry, network) }
  })
  return {
    benches,
    runs: parseNumber('--runs', values.runs, { least: 1, most: 100 }),
    json: values.json,
    profileDir: values.profile
  }
}

function benchOf (name: string, entry: Entry, given: Partial<NetworkOptions>): Bench {
  if ('networkBench' in entry) return async options => await entry.networkBench(options, { ...entry.network, ...given })
  if (Object.keys(given).length > 0) throw new Error(`--peers, --rate and --rtt mean nothing to ${name}`)
  return entry.bench
}

function parseNumber (option: string, text: string, { least, most }: { least: number, most: number }): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most) throw new Error(`${option} is a number from ${least} to ${most}`)
  return value
}

function parseSize (text: string): number {
  const [, count = '', unit] = /^(\d+(?:\.\d+)?)(MiB|GiB)$/.exec(text) ?? []
  const bytes = Number(count) * (unit === 'GiB' ? GIB : MIB)
  if (count === '' || bytes < MIB || bytes > 64 * GIB) throw new Error('--size is like 256MiB or 1GiB, 1MiB to 64GiB')
  return bytes
}

async function main (options: Options): Promise<void> {
  const print = (line: string): void => { console.log(line) }
  const report = options.json ? jsonReport(print) : markdownReport(print)
  const interrupted = new AbortController()
  const interrupt = (): void => { interrupted.abort(new Error('stopped')) }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  report.machine(machineFacts())
  const workspace = new Workspace(note)
  try {
    for (const planned of options.benches) {
      const { name } = planned
      const loadBefore = load()
      try {
        report.result(name, await run(planned, { workspace, options, interrupted: interrupted.signal }), loadBefore)
      } catch (err) {
        if (!(err instanceof SkippedError)) throw err
        report.skipped(name, err.message)
      }
    }
  } finally {
    await workspace.remove()
  }
}

function note (text: string): void {
  console.error(`  ${text}`)
}

interface RunParts {
  workspace: Workspace
  options: Options
  interrupted: AbortSignal
}

/** Runs a bench within its time; ends what it started in any case. */
async function run ({ bench, sizeBytes }: Planned, { workspace, options, interrupted }: RunParts): ReturnType<Bench> {
  const { runs, profileDir } = options
  const children: Child[] = []
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(LIMIT_MS)])
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => { aborted.reject(signal.reason) }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    const result = bench({
      sizeBytes,
      runs,
      workspace,
      profileDir,
      start: (program, childOptions) => {
        signal.throwIfAborted()
        const child = new Child(program, childOptions)
        children.push(child)
        return child
      },
      note,
      signal
    })
    return await Promise.race([result, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
    await Promise.all(children.map(async child => { await child.stop() }))
  }
}
