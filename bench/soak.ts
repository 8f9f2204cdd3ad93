import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeModel } from '../examples/make-model.ts'
import { GIB, judge, MIB } from './bench.ts'
import { numberOf, textOf } from './child.ts'
import type { BenchOptions, BenchResult, Values } from './bench.ts'
import type { Child } from './child.ts'

const MINUTES = 10
const NODES = 20
/** Nodes that publish one model each and stay. */
const STAYING = 3
const NODES_A_PROCESS = 4
const MODEL_BYTES = [4 * MIB, 8 * MIB, 12 * MIB]
const SAMPLE_MS = 5000
const LEAST_SAMPLES = 12
/** A node and what it pulls. */
const NODE_BYTES = 64 * MIB

/**
 * What is sampled, summed over all processes, and how much its mean in the last third may lie above that in the second:
 * a part of it, and so much more. Nodes come and go, so that counts differ from one sample to the next.
 */
const KINDS = [
  { key: 'files', title: 'files open', part: 0.15, more: 10 },
  { key: 'sockets', title: 'sockets', part: 0.15, more: 10 },
  { key: 'maps', title: 'mapped state files', part: 0.15, more: 4 },
  { key: 'threads', title: 'threads', part: 0.15, more: 8 },
  { key: 'timers', title: 'timers', part: 0.2, more: 20 },
  { key: 'handles', title: 'active handles', part: 0.15, more: 10 },
  { key: 'heapMib', title: 'heap and buffers, MiB', part: 0.1, more: 8 },
  { key: 'residentMib', title: 'resident, MiB', part: 0.1, more: 32 }
] as const

type Sample = Readonly<Record<typeof KINDS[number]['key'], number>>

/**
 * Some nodes publish and stay, the others pull, leave and come back every few seconds: what they take from the system
 * stays flat, and after stop() nothing is left of it.
 */
export async function soak (options: BenchOptions): Promise<BenchResult> {
  const { asked, workspace, note, start, signal } = options
  const minutes = asked.minutes ?? MINUTES
  const nodes = Math.max(STAYING + 1, asked.nodes ?? NODES)
  const seed = asked.seed ?? Date.now() % 2 ** 31
  note(`seed ${seed}`)
  const dir = await workspace.ramFolder(GIB + nodes * NODE_BYTES)
  const children: Child[] = []
  const newChild = async (): Promise<Child> => {
    const child = start('soak')
    await child.ask('start', { dir: join(dir, String(children.length)) })
    children.push(child)
    return child
  }
  const publisher = await newChild()
  const links: string[] = []
  for (const [i, sizeBytes] of MODEL_BYTES.entries()) {
    const path = join(dir, `model-${i}`)
    await makeModel(path, { sizeBytes, seed: seed + i })
    links.push(textOf(await publisher.ask('publish', { path }), 'link'))
  }
  for (let left = nodes - STAYING; left > 0; left -= NODES_A_PROCESS) {
    const child = await newChild()
    await child.ask('churn', { links: links.join('\n'), nodes: Math.min(left, NODES_A_PROCESS), seed: seed + left })
  }
  const samples: Sample[] = []
  const endMs = performance.now() + minutes * 60_000
  while (performance.now() < endMs) {
    await sleep(SAMPLE_MS, undefined, { signal })
    const sample = await sampleOf(children)
    samples.push(sample)
    if (samples.length % 6 === 0) note(KINDS.map(({ key, title }) => `${sample[key].toFixed(0)} ${title}`).join(', '))
  }
  const ends = await Promise.all(children.map(async child => await child.ask('stop')))
  const left = ends.map(end => textOf(end, 'left')).filter(text => text !== '')
  const failures = ends.map(end => textOf(end, 'failures')).filter(text => text !== '')
  for (const text of [...left, ...failures]) note(text)
  const total = (key: string): number => ends.reduce((sum, end) => sum + (key in end ? numberOf(end, key) : 0), 0)
  return {
    tables: [
      {
        title: `${nodes} nodes in ${children.length} processes for ${minutes} minutes, seed ${seed}; means of each third`,
        columns: [
          { key: 'name', title: 'of all processes' },
          { key: 'first', title: 'first', digits: 1 },
          { key: 'second', title: 'second', digits: 1 },
          { key: 'last', title: 'last', digits: 1 },
          { key: 'most', title: 'last may be', digits: 1 }
        ],
        rows: rowsOf(samples)
      },
      {
        title: 'what they did',
        columns: ['lives', 'pulls', 'aborted'].map(key => ({ key, title: key, digits: 0 })),
        rows: [{ lives: total('lives'), pulls: total('pulls'), aborted: total('aborted') }]
      }
    ],
    verdicts: [
      judge('samples, enough to compare thirds of them', samples.length, { atLeast: LEAST_SAMPLES }),
      judge('kinds that rise from the second third to the last',
        rowsOf(samples).filter(row => Number(row['last']) > Number(row['most'])).length, { atMost: 0 }),
      judge('processes with something left after stop()', left.length, { atMost: 0 }),
      judge('processes with pulls that failed', failures.length, { atMost: 0 })
    ]
  }
}

async function sampleOf (children: readonly Child[]): Promise<Sample> {
  const replies = await Promise.all(children.map(async child => await child.ask('sample')))
  const sum = (key: string): number => replies.reduce((total, reply) => total + numberOf(reply, key), 0)
  return {
    files: sum('files'),
    sockets: sum('sockets'),
    maps: sum('maps'),
    threads: sum('threads'),
    timers: sum('timers'),
    handles: sum('handles'),
    heapMib: sum('heapMib'),
    residentMib: sum('residentMib')
  }
}

function rowsOf (samples: readonly Sample[]): Values[] {
  const third = Math.ceil(samples.length / 3)
  const thirds = [samples.slice(0, third), samples.slice(third, 2 * third), samples.slice(2 * third)]
  return KINDS.map(({ key, title, part, more }) => {
    const [first = 0, second = 0, last = 0] = thirds.map(some => {
      return some.reduce((sum, sample) => sum + sample[key], 0) / Math.max(1, some.length)
    })
    return { name: title, first, second, last, most: second * (1 + part) + more }
  })
}
