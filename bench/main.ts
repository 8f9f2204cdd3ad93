// Measures what the project promises, each figure beside a baseline of the same run.
//
//   npm run bench [-- NAME...] [--size 1GiB] [--runs 3] [--json] [--profile DIR]
//
// NAME is one of catalogue.ts; the usual ones when none is given. Figures mean something on an idle machine only: the
// load before each bench is told. Everything it makes is removed, every process it starts is ended. --profile writes
// CPU profiles of the processes that transfer uses into DIR, and lists where their time goes. Only when named, as they
// take minutes:
//
//   npm run bench -- flash [--peers 8] [--rate 40] [--rtt 10]       a publisher and many peers, behind limited links
//   npm run bench -- long-path [--rate 200] [--rtt 100]             one peer, far away
//   npm run bench -- hostile                                       honest transfers beside peers that break the rules
//   npm run bench -- start                                         what a process spends before it is warm
//   npm run bench -- connections                                   what a node spends on each peer
//   npm run crash-test [-- --kills 200] [--seed N]                  exit code 1 when a promise is broken
//   npm run fuzz [-- --inputs 1000000] [--seed N]                   likewise
//   npm run soak [-- --minutes 10] [--nodes 20] [--seed N]          likewise
import '../src/polyfill.ts'
import { SkippedError } from './bench.ts'
import { Child } from './child.ts'
import { load, machineFacts } from './machine.ts'
import { readOptions } from './options.ts'
import { jsonReport, markdownReport } from './report.ts'
import { Workspace } from './workspace.ts'
import type { Bench } from './bench.ts'
import type { Options, Planned } from './options.ts'

try {
  await main(readOptions())
} catch (err) {
  console.error(`bench: ${err instanceof Error ? err.message : 'it failed'}`)
  process.exitCode = 1
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
      const { name, entry } = planned
      const loadBefore = load()
      try {
        const result = await run(planned, { workspace, options, interrupted: interrupted.signal })
        report.result(name, result, loadBefore)
        if (entry.isTest && result.verdicts.some(verdict => !verdict.isReached)) process.exitCode = 1
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
async function run (planned: Planned, { workspace, options, interrupted }: RunParts): ReturnType<Bench> {
  const { bench, entry, sizeBytes } = planned
  const { runs, asked, profileDir } = options
  const children: Child[] = []
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(entry.limitMs)])
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => { aborted.reject(signal.reason) }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    const result = bench({
      sizeBytes,
      runs,
      asked,
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
