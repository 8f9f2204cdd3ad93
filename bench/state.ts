import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { judge, median, MIB } from './bench.ts'
import { numberOf, textOf } from './child.ts'
import type { BenchOptions, BenchResult } from './bench.ts'

const CLI = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))
const BLOCKS = 1_000_000
/** What the state folder of so many blocks takes, with room. */
const STATE_BYTES = 1024 * MIB
const MAX_SECONDS = 1

/** How long after the start of its process something answered, in seconds; and what the process took for it. */
interface Answered {
  seconds: number
  cpuSeconds?: number
  peakMib?: number
}

/**
 * Fresh processes on a state folder that indexes a million blocks: `modelswarm ls`, a node that listens, and the answer
 * to the first hello about that model, for which its manifest is read. The baseline is an empty state folder.
 */
export async function state (options: BenchOptions): Promise<BenchResult> {
  const { workspace, note, runs, start } = options
  const work = await workspace.ramFolder(STATE_BYTES)
  const full = join(work, 'full')
  note(`indexing ${BLOCKS} blocks`)
  const maker = start('state')
  const root = textOf(await maker.ask('make', { path: join(work, 'sparse'), state: full, blocks: BLOCKS }), 'root')
  await maker.stop()
  const empty = join(work, 'empty')
  const ways: Array<[name: string, take: () => Promise<Answered>]> = [
    ['modelswarm ls, empty state', async () => await list(empty, options.signal)],
    ['modelswarm ls', async () => await list(full, options.signal)],
    ['node listens, empty state', async () => await listen(options, empty)],
    ['node listens', async () => await listen(options, full)],
    ['first hello answered', async () => await hello(options, full, root)]
  ]
  const samples = ways.map((): Answered[] => [])
  for (let run = 1; run <= runs; run++) {
    note(`run ${run} of ${runs}`)
    for (const [i, [, take]] of ways.entries()) samples[i]?.push(await take())
  }
  const of = (i: number, key: keyof Answered): number | undefined => {
    const values = (samples[i] ?? []).flatMap(one => one[key] ?? [])
    return values.length === 0 ? undefined : median(values)
  }
  const seconds = (i: number): number => of(i, 'seconds') ?? NaN
  const rows = ways.map(([name], i) => {
    const cpuSeconds = of(i, 'cpuSeconds')
    const peakMib = of(i, 'peakMib')
    return {
      name,
      seconds: seconds(i),
      ratio: seconds(i) / seconds(i < 2 ? 0 : 2),
      ...cpuSeconds !== undefined && { cpuSeconds },
      ...peakMib !== undefined && { peakMib }
    }
  })
  return {
    tables: [{
      title: `${BLOCKS} blocks indexed, from the start of the process, medians of ${runs}`,
      columns: [
        { key: 'name', title: 'answer' },
        { key: 'seconds', title: 'seconds', digits: 3 },
        { key: 'ratio', title: 'of empty' },
        { key: 'cpuSeconds', title: 'CPU s' },
        { key: 'peakMib', title: 'peak MiB', digits: 0 }
      ],
      rows
    }],
    verdicts: [
      judge(`ls answers within ${MAX_SECONDS} s of the start`, seconds(1), { atMost: MAX_SECONDS }),
      judge(`a node listens within ${MAX_SECONDS} s of the start`, seconds(3), { atMost: MAX_SECONDS }),
      judge(`the first hello is answered within ${MAX_SECONDS} s of the start`, seconds(4), { atMost: MAX_SECONDS })
    ]
  }
}

async function list (dir: string, signal: AbortSignal): Promise<Answered> {
  const start = performance.now()
  const child = spawn(process.execPath, [CLI, 'ls', '--state', dir], { stdio: ['ignore', 'pipe', 'inherit'], signal })
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  child.stdout.once('data', () => { resolve((performance.now() - start) / 1000) })
  child.once('error', reject)
  const exited = new Promise<void>(resolve => { child.once('close', () => { resolve() }) })
  exited.then(() => { reject(new Error('ls printed nothing')) }, reject)
  const seconds = await promise
  await exited
  return { seconds }
}

async function listen ({ start }: BenchOptions, dir: string): Promise<Answered> {
  const startMs = performance.now()
  const child = start('node')
  await child.ask('start', { state: dir })
  const seconds = (performance.now() - startMs) / 1000
  const usage = await child.ask('usage')
  await child.ask('stop')
  await child.stop()
  return { seconds, cpuSeconds: numberOf(usage, 'cpuSeconds'), peakMib: numberOf(usage, 'peakRssBytes') / MIB }
}

/** Asked by a peer that has asked another node before: what its own first words cost is not the node's. */
async function hello ({ start, workspace }: BenchOptions, dir: string, root: string): Promise<Answered> {
  const peer = start('hello')
  await peer.ask('start')
  const before = start('node')
  const { path } = await workspace.model(MIB)
  const known = textOf(await before.ask('start', { state: await workspace.ramFolder(0) }), 'addr')
  await peer.ask('hello', { addr: known, root: textOf(await before.ask('publish', { path }), 'root') })
  await before.ask('stop')
  await before.stop()
  const startMs = performance.now()
  const child = start('node')
  const addr = textOf(await child.ask('start', { state: dir }), 'addr')
  await peer.ask('hello', { addr, root })
  const seconds = (performance.now() - startMs) / 1000
  const usage = await child.ask('usage')
  await child.ask('stop')
  await Promise.all([child.stop(), peer.stop()])
  return { seconds, cpuSeconds: numberOf(usage, 'cpuSeconds'), peakMib: numberOf(usage, 'peakRssBytes') / MIB }
}
