import { parseArgs } from 'node:util'
import { BREAKS } from './breaks.ts'
import { runSeed } from './run.ts'
import type { Break } from './breaks.ts'

const SHOWN = 5

/**
 * `faults [--seeds N] [--from N]` runs seeds and says what was broken, `--seed N` replays one with its trace, `--break
 * NAME` (or `all`) breaks a promise first and says how many seeds find it.
 *
 * @returns the exit code
 */
export async function runFaults (args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { seeds: { type: 'string' }, seed: { type: 'string' }, from: { type: 'string' }, break: { type: 'string' } }
  })
  const broken = BREAKS.filter(({ name }) => values.break === 'all' || values.break === name)
  if (values.break !== undefined && broken.length === 0) {
    print(`No such break; there are: ${BREAKS.map(({ name }) => name).join(', ')}`)
    return 2
  }
  if (values.seed !== undefined) return await replay(Number(values.seed), broken[0])
  const from = Number(values.from ?? 1)
  const seeds = Number(values.seeds ?? 1000)
  if (values.break === undefined) return await search(from, seeds)
  print('| break | promise | what is broken | found by | first seed | what is seen there |')
  print('| --- | --- | --- | --- | --- | --- |')
  let missed = 0
  for (const one of broken) missed += await findBreak(one, from, seeds) ? 0 : 1
  return missed === 0 ? 0 : 1
}

async function search (from: number, seeds: number): Promise<number> {
  const start = performance.now()
  const counts = new Map<string, number>()
  const failed: number[] = []
  for (let seed = from; seed < from + seeds; seed++) {
    const { broken, counts: injected } = await runSeed(seed)
    for (const [kind, times] of injected) counts.set(kind, (counts.get(kind) ?? 0) + times)
    if (broken.length === 0) continue
    failed.push(seed)
    if (failed.length <= SHOWN) for (const line of broken.slice(0, SHOWN)) print(`seed ${seed}: ${line}`)
  }
  const seconds = (performance.now() - start) / 1000
  print('\n| injected | times |\n| --- | --- |')
  for (const [kind, times] of [...counts].sort(([a], [b]) => a < b ? -1 : 1)) print(`| ${kind} | ${times} |`)
  print(`\n${seeds} seeds in ${seconds.toFixed(1)} s, ${(seeds / seconds).toFixed(1)} a second, ${failed.length} failed`)
  if (failed[0] !== undefined) print(`first failing seed: ${failed[0]}; replay it with --seed ${failed[0]}`)
  return failed.length === 0 ? 0 : 1
}

async function replay (seed: number, broken: Break | undefined): Promise<number> {
  const trace = await runSeed(seed, { isTraced: true, ...(broken !== undefined && { breaks: broken.breaks }) })
  for (const line of trace.lines ?? []) print(line)
  for (const line of trace.broken) print(`seed ${seed}: ${line}`)
  return trace.broken.length === 0 ? 0 : 1
}

async function findBreak ({ name, promise, what, breaks }: Break, from: number, seeds: number): Promise<boolean> {
  const found: Array<{ seed: number, line: string | undefined }> = []
  for (let seed = from; seed < from + seeds; seed++) {
    const { broken } = await runSeed(seed, { breaks })
    if (broken.length > 0) found.push({ seed, line: broken[0] })
  }
  const [first] = found
  print(`| ${name} | ${promise} | ${what} | ${found.length} of ${seeds} | ${first?.seed ?? ''} | ${first?.line ?? ''} |`)
  return first !== undefined
}

function print (line: string): void {
  process.stdout.write(`${line}\n`)
}
