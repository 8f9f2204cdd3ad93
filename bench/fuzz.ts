import { availableParallelism } from 'node:os'
import { judge, MIB } from './bench.ts'
import { numberOf, textOf } from './child.ts'
import { HANG_MS } from './fuzz/decoder.ts'
import type { BenchOptions, BenchResult, Values } from './bench.ts'
import type { Child, Reply } from './child.ts'

const INPUTS = 1_000_000
/** Inputs asked of a child at once; it may take so long for them before it is looked for the one that hangs. */
const BATCH = 5000
const BATCH_MS = 120_000
/** Memory after garbage collection may rise by so much between the first tenth and the end. */
const GROWTH_MIB = 16
const LEAST_ACCEPTED_PERCENT = 2
/** What the databases of the children take. */
const STATE_BYTES = 256 * MIB

/**
 * Gives every decoder of foreign bytes inputs that are valid, bent in their own structure, bent as bytes, or noise.
 * Each is answered by a result or the decoder's own error within a second, and leaves no memory behind.
 */
export async function fuzz (options: BenchOptions): Promise<BenchResult> {
  const { asked, workspace, note, start } = options
  const inputs = asked.inputs ?? INPUTS
  const seed = asked.seed ?? Date.now() % 2 ** 31
  const dir = await workspace.ramFolder(STATE_BYTES)
  note(`seed ${seed}`)
  const startChild = async (): Promise<{ child: Child, names: string[], oneIn: string[] }> => {
    const child = start('fuzz')
    const reply = await child.ask('start', { dir, seed })
    return { child, names: textOf(reply, 'names').split(','), oneIn: textOf(reply, 'oneIn').split(',') }
  }
  const first = await startChild()
  const queue = first.names.map((name, i) => ({ name, inputs: Math.ceil(inputs / Number(first.oneIn[i])) }))
  const rows = new Map<string, Values>()
  const failures: string[] = []
  const lane = async (begun?: Child): Promise<void> => {
    let child = begun
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { name } = next
      child ??= (await startChild()).child
      note(`${name}: ${next.inputs} inputs`)
      try {
        rows.set(name, await run(child, name, { seed, inputs: next.inputs }))
      } catch (err) {
        const hung = err instanceof HangError ? err : undefined
        await child.kill()
        child = hung === undefined ? undefined : (await startChild()).child
        const { from, count } = hung ?? { from: 0, count: 0 }
        const index = child === undefined ? undefined : await hanging(child, name, { seed, from, count })
        const seen = err instanceof Error ? err.message : name
        failures.push(index === undefined ? seen : `${name}: input ${index} of seed ${seed} hangs`)
        note(failures.at(-1) ?? '')
        await child?.kill()
        child = undefined
      }
    }
    await child?.stop()
  }
  const lanes = Math.min(availableParallelism(), 4)
  await Promise.all([lane(first.child), ...Array.from({ length: lanes - 1 }, async () => { await lane() })])
  return {
    tables: [{
      title: `inputs, seed ${seed}`,
      columns: [
        { key: 'name', title: 'decoder' },
        { key: 'inputs', title: 'inputs', digits: 0 },
        { key: 'perSec', title: 'inputs/s', digits: 0 },
        { key: 'acceptedPercent', title: 'accepted %', digits: 1 },
        { key: 'slowestMs', title: 'slowest ms', digits: 1 },
        { key: 'growthMib', title: 'memory +MiB', digits: 1 }
      ],
      rows: first.names.map(name => rows.get(name)).filter(row => row !== undefined)
    }],
    verdicts: [
      judge(`% of inputs that a decoder accepts, at least ${LEAST_ACCEPTED_PERCENT}, or nothing behind its door is tried`,
        Math.min(...[...rows.values()].map(row => Number(row['acceptedPercent']))), { atLeast: LEAST_ACCEPTED_PERCENT }),
      judge('inputs answered by anything but a result or the decoder\'s own error', failures.length, { atMost: 0 }),
      judge(`memory of a decoder rises by MiB, at most ${GROWTH_MIB}`,
        Math.max(...[...rows.values()].map(row => Number(row['growthMib']))), { atMost: GROWTH_MIB })
    ]
  }
}

async function run (child: Child, name: string, { seed, inputs }: { seed: number, inputs: number }): Promise<Values> {
  const startMs = performance.now()
  let accepted = 0
  let slowestMs = 0
  let memoryBefore = 0
  const memory = async (): Promise<number> => numberOf(await child.ask('memory'), 'bytes')
  for (let from = 0; from < inputs; from += BATCH) {
    const count = Math.min(BATCH, inputs - from)
    const reply = await within(BATCH_MS, child.ask('run', { name, seed, from, count }))
    if (reply === undefined) throw new HangError(name, from, count)
    accepted += numberOf(reply, 'accepted')
    slowestMs = Math.max(slowestMs, numberOf(reply, 'slowestMs'))
    if (memoryBefore === 0 && from + count >= inputs / 10) memoryBefore = await memory()
  }
  const seconds = (performance.now() - startMs) / 1000
  return {
    name,
    inputs,
    perSec: inputs / seconds,
    acceptedPercent: accepted / inputs * 100,
    slowestMs,
    growthMib: (await memory() - memoryBefore) / MIB
  }
}

class HangError extends Error {
  readonly from: number
  readonly count: number

  constructor (name: string, from: number, count: number) {
    super(`${name}: one of ${count} inputs from ${from} on hangs`)
    this.name = 'HangError'
    this.from = from
    this.count = count
  }
}

/** Which input of a batch is not answered; undefined when all are, one by one. */
async function hanging (
  child: Child, name: string, { seed, from, count }: { seed: number, from: number, count: number }
): Promise<number | undefined> {
  for (let index = from; index < from + count; index++) {
    const reply = await within(5 * HANG_MS, child.ask('run', { name, seed, from: index, count: 1 }))
    if (reply === undefined) return index
  }
  return undefined
}

async function within (ms: number, asked: Promise<Reply>): Promise<Reply | undefined> {
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => { late.resolve(undefined) }, ms)
  try {
    return await Promise.race([asked, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
