import { parseArgs } from 'node:util'
import { UsageError } from '../usage-error.ts'
import { BREAKS } from './breaks.ts'
import { runSeed } from './run.ts'
import type { Break } from './breaks.ts'

const SHOWN = 5

export const FAULTS_USAGE = `faults [--seeds N] [--from N]   runs seeds, says what was broken, exit code 1 for anything
faults --seed N                 replays one with its trace
faults --break NAME|all         breaks a promise first, and says how many seeds find it
  NAME: ${BREAKS.map(({ name }) => name).join(', ')}
`

type Write = (text: string) => void

/**
 * The command of FAULTS_USAGE.
 *
 * @returns the exit code
 * @throws UsageError
 */
export async function runFaults (args: readonly string[], write: Write): Promise<number> {
  const print = (line: string): void => { write(`${line}\n`) }
  const values = read(args)
  const broken = BREAKS.filter(({ name }) => values.break === 'all' || values.break === name)
  if (values.break !== undefined && broken.length === 0) throw new UsageError(`no break ${values.break}\n\n${FAULTS_USAGE}`)
  if (values.seed !== undefined) return await replay(wholeNumber('seed', values.seed), broken[0], print)
  const from = wholeNumber('from', values.from ?? '1')
  const seeds = wholeNumber('seeds', values.seeds ?? '1000')
  if (values.break === undefined) return await search(from, seeds, print)
  print('| break | promise | what is broken | found by | first seed | what is seen there |')
  print('| --- | --- | --- | --- | --- | --- |')
  let missed = 0
  for (const one of broken) missed += await findBreak(one, { from, seeds, print }) ? 0 : 1
  return missed === 0 ? 0 : 1
}

interface Values { seeds?: string, seed?: string, from?: string, break?: string }

function read (args: readonly string[]): Values {
  const text = { type: 'string' } as const
  try {
    return parseArgs({ args: [...args], options: { seeds: text, seed: text, from: text, break: text } }).values
  } catch (err) {
    throw new UsageError(`${err instanceof Error ? err.message : 'unreadable'}\n\n${FAULTS_USAGE}`)
  }
}

function wholeNumber (option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) throw new UsageError(`--${option} is a whole number from 1`)
  return Number(text)
}

async function search (from: number, seeds: number, print: Write): Promise<number> {
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

async function replay (seed: number, broken: Break | undefined, print: Write): Promise<number> {
  const trace = await runSeed(seed, { isTraced: true, ...(broken !== undefined && { breaks: broken.breaks }) })
  for (const line of trace.lines ?? []) print(line)
  for (const line of trace.broken) print(`seed ${seed}: ${line}`)
  return trace.broken.length === 0 ? 0 : 1
}

async function findBreak (
  { name, promise, what, breaks }: Break, { from, seeds, print }: { from: number, seeds: number, print: Write }
): Promise<boolean> {
  const found: Array<{ seed: number, line: string | undefined }> = []
  for (let seed = from; seed < from + seeds; seed++) {
    const { broken } = await runSeed(seed, { breaks })
    if (broken.length > 0) found.push({ seed, line: broken[0] })
  }
  const [first] = found
  print(`| ${name} | ${promise} | ${what} | ${found.length} of ${seeds} | ${first?.seed ?? ''} | ${first?.line ?? ''} |`)
  return first !== undefined
}
