// Measures what the project promises, each figure beside a baseline of the same run.
//
//   npm run bench [-- NAME...] [--size 1GiB] [--runs 3] [--json] [--profile DIR]
//
// NAME: publish, transfer, memory, state, schedule, hostile, connections; all when none is given. Figures mean
// something on an idle machine only: the load before each bench is told. Everything it makes is removed, every process
// it starts is ended. --profile writes CPU profiles of the processes that transfer uses into DIR, and lists where their
// time goes.
import '../src/polyfill.ts'
import { parseArgs } from 'node:util'
import { GIB, MIB, SkippedError } from './bench.ts'
import { Child } from './child.ts'
import { connections } from './connections.ts'
import { hostile } from './hostile.ts'
import { load, machineFacts } from './machine.ts'
import { memory } from './memory.ts'
import { publish } from './publish.ts'
import { jsonReport, markdownReport } from './report.ts'
import { schedule } from './schedule.ts'
import { state } from './state.ts'
import { transfer } from './transfer.ts'
import { Workspace } from './workspace.ts'
import type { Bench } from './bench.ts'

const BENCHES: ReadonlyMap<string, Bench> = new Map([
  ['publish', publish],
  ['transfer', transfer],
  ['memory', memory],
  ['state', state],
  ['schedule', schedule],
  ['hostile', hostile],
  ['connections', connections]
])
/** One bench ends within this, one way or the other. */
const LIMIT_MS = 15 * 60_000

interface Options {
  benches: Array<[name: string, bench: Bench]>
  sizeBytes: number
  runs: number
  json: boolean
  profileDir: string | undefined
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
      size: { type: 'string', default: '1GiB' },
      runs: { type: 'string', default: '3' },
      json: { type: 'boolean', default: false },
      profile: { type: 'string' }
    }
  })
  const names = positionals.length === 0 ? [...BENCHES.keys()] : positionals
  const benches = names.map((name): [string, Bench] => {
    const bench = BENCHES.get(name)
    if (bench === undefined) throw new Error(`there is no bench ${name}; there are ${[...BENCHES.keys()].join(', ')}`)
    return [name, bench]
  })
  const runs = Number(values.runs)
  if (!Number.isInteger(runs) || runs < 1 || runs > 100) throw new Error('--runs is a number from 1 to 100')
  return { benches, sizeBytes: parseSize(values.size), runs, json: values.json, profileDir: values.profile }
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
    for (const [name, bench] of options.benches) {
      const loadBefore = load()
      try {
        report.result(name, await run(bench, workspace, options, interrupted.signal), loadBefore)
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

/** Runs a bench within its time; ends what it started in any case. */
async function run (
  bench: Bench, workspace: Workspace, { sizeBytes, runs, profileDir }: Options, interrupted: AbortSignal
): ReturnType<Bench> {
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
