import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { GIB, judge, MIB } from './bench.ts'
import { pullOnce } from './transfer.ts'
import type { BenchOptions, BenchResult, Column, Values } from './bench.ts'
import type { Transfer } from './transfer.ts'

const COLUMNS: Column[] = [
  { key: 'name', title: 'model' },
  { key: 'sendPeakMib', title: 'seeder peak MiB', digits: 0 },
  { key: 'receivePeakMib', title: 'puller peak MiB', digits: 0 },
  { key: 'ratio', title: 'larger, of the first row' },
  { key: 'mbPerSec', title: 'MB/s', digits: 0 }
]

/** How much larger the second model is. */
const TIMES = 8
const COUNTER_EVERY_BYTES = 64 * 1024
const MAX_MIB = 350
/** Peaks of the same work differ by so much from run to run: garbage is collected when it suits. */
const NOISE = 1.25

/**
 * Peak resident memory of a seeder, publishing included, and of a puller: for a model, and for one that is eight times
 * as large. The large one is sparse at the seeder, but written in full by the puller, to disk.
 */
export async function memory (options: BenchOptions): Promise<BenchResult> {
  const { workspace, note, sizeBytes } = options
  const largeBytes = TIMES * sizeBytes
  // room is looked for before any time is spent
  const out = await workspace.diskFolder(largeBytes)
  const source = join(await workspace.ramFolder(largeBytes / 16), 'sparse')
  const model = await workspace.model(sizeBytes)
  note(`pulling ${name(sizeBytes)}`)
  const small = await pullOnce(options, model.path)
  note(`making a sparse file of ${name(largeBytes)}`)
  await makeSparse(source, largeBytes)
  note(`pulling ${name(largeBytes)} to disk`)
  const large = await pullOnce(options, source, out)
  const rows = [
    row(`${name(sizeBytes)} of safetensors`, small, small),
    row(`${name(largeBytes)}, sparse with a counter every 64 KiB`, large, small)
  ]
  return {
    tables: [{ title: 'one pull each', columns: COLUMNS, rows }],
    verdicts: [
      judge(`peak MiB for ${name(sizeBytes)} is at most ${MAX_MIB}`, peak(small), { atMost: MAX_MIB }),
      judge(`peak MiB for ${name(largeBytes)} is at most ${MAX_MIB}`, peak(large), { atMost: MAX_MIB }),
      judge(`peak for ${name(largeBytes)} over that for ${name(sizeBytes)} is within chance`, peak(large) / peak(small), { atMost: NOISE })
    ]
  }
}

function name (bytes: number): string {
  return bytes >= GIB ? `${bytes / GIB} GiB` : `${bytes / MIB} MiB`
}

function peak (one: Transfer): number {
  return Math.max(one.sendPeakMib, one.receivePeakMib)
}

function row (label: string, one: Transfer, first: Transfer): Values {
  return {
    name: label,
    sendPeakMib: one.sendPeakMib,
    receivePeakMib: one.receivePeakMib,
    ratio: peak(one) / peak(first),
    mbPerSec: one.rate / 1e6
  }
}

/** A file that is holes but for a counter every 64 KiB, so that no two blocks are the same. */
async function makeSparse (path: string, bytes: number): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.truncate(bytes)
    const counter = new Uint8Array(8)
    const view = new DataView(counter.buffer)
    for (let at = 0; at + counter.byteLength <= bytes; at += COUNTER_EVERY_BYTES) {
      view.setBigUint64(0, BigInt(at / COUNTER_EVERY_BYTES + 1), true)
      await file.write(counter, 0, counter.byteLength, at)
    }
  } finally {
    await file.close()
  }
}
