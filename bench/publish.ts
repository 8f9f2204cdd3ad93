import { join } from 'node:path'
import { GIB, judge, median } from './bench.ts'
import { canUseOneCore, numberOf, textOf } from './child.ts'
import type { BenchOptions, BenchResult, Column, Values } from './bench.ts'

const COLUMNS: Column[] = [
  { key: 'name', title: 'what' },
  { key: 'mbPerSec', title: 'MB/s', digits: 0 },
  { key: 'ratio', title: 'of sha256' },
  { key: 'cpuPerGib', title: 'CPU s/GiB' },
  { key: 'peakMib', title: 'peak MiB', digits: 0 }
]

/** One way through the bytes, measured once. */
interface Sample {
  /** Bytes a second. */
  rate: number
  cpuPerGib: number
  peakMib: number
}

/**
 * Publishing (walk, cut, hash, index, tree) against sha2-256 over the same bytes in one thread. The baseline counts the
 * time inside the hash function alone; reading, which both need, is shown in a row of its own.
 */
export async function publish (options: BenchOptions): Promise<BenchResult> {
  const { workspace, note, runs, sizeBytes } = options
  const model = await workspace.model(sizeBytes)
  const ways: Array<[name: string, take: () => Promise<Sample[]>, labels: string[]]> = [
    ['sha256', async () => await hashOnce(options, model.path), ['sha256, one thread', 'sha256, one thread, read from the file']],
    ['publish', async () => [await publishOnce(options, model.path, false)], ['publish']]
  ]
  if (canUseOneCore()) {
    ways.push(['publish on one core', async () => [await publishOnce(options, model.path, true)], ['publish on one core']])
  }
  const samples = new Map<string, Sample[]>()
  for (let run = 1; run <= runs; run++) {
    for (const [name, take, labels] of ways) {
      note(`${name}, run ${run} of ${runs}`)
      const taken = await take()
      for (const [i, label] of labels.entries()) {
        samples.set(label, [...samples.get(label) ?? [], ...taken.slice(i, i + 1)])
      }
    }
  }
  const rates = new Map([...samples].map(([label, list]) => [label, median(list.map(one => one.rate))]))
  const baseline = rates.get('sha256, one thread') ?? NaN
  const rows = [...samples].map(([name, list]): Values => ({
    name,
    mbPerSec: (rates.get(name) ?? NaN) / 1e6,
    ratio: (rates.get(name) ?? NaN) / baseline,
    cpuPerGib: median(list.map(one => one.cpuPerGib)),
    peakMib: median(list.map(one => one.peakMib))
  }))
  const ratio = (rates.get('publish') ?? NaN) / baseline
  const gib = (model.bytes / GIB).toFixed(2)
  return {
    tables: [{ title: `${gib} GiB of safetensors, medians of ${runs}`, columns: COLUMNS, rows }],
    verdicts: [judge('publishing is at least 0.9 of single-thread sha256', ratio, { atLeast: 0.9 })]
  }
}

/** Hashing alone, and with reading. */
async function hashOnce ({ start }: BenchOptions, path: string): Promise<Sample[]> {
  const child = start('sha256')
  await child.ask('mark')
  const reply = await child.ask('hash', { path: join(path, 'model.safetensors') })
  const usage = await child.ask('usage')
  await child.stop()
  const bytes = numberOf(reply, 'bytes')
  const peakMib = numberOf(usage, 'peakRssBytes') / 1024 ** 2
  const cpuPerGib = numberOf(usage, 'cpuSeconds') * GIB / bytes
  return ['hashSeconds', 'seconds'].map(key => ({ rate: bytes / numberOf(reply, key), cpuPerGib, peakMib }))
}

async function publishOnce ({ start, workspace }: BenchOptions, path: string, oneCore: boolean): Promise<Sample> {
  const state = await workspace.ramFolder(0)
  const child = start('node', { oneCore })
  await child.ask('start', { state })
  await child.ask('mark')
  const reply = await child.ask('publish', { path })
  const usage = await child.ask('usage')
  textOf(reply, 'root')
  await child.ask('stop')
  await child.stop()
  await workspace.drop(state)
  const bytes = numberOf(reply, 'bytes')
  return {
    rate: bytes / numberOf(reply, 'seconds'),
    cpuPerGib: numberOf(usage, 'cpuSeconds') * GIB / bytes,
    peakMib: numberOf(usage, 'peakRssBytes') / 1024 ** 2
  }
}
