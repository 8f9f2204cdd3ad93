import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_PEERS_PER_MODEL } from '../src/defaults.ts'
import { judge, MIB } from './bench.ts'
import { numberOf, textOf } from './child.ts'
import type { BenchOptions, BenchResult, Column, Values } from './bench.ts'
import type { Child, Reply } from './child.ts'

const COLUMNS: Column[] = [
  { key: 'name', title: 'connections' },
  { key: 'asked', title: 'asked for', digits: 0 },
  { key: 'open', title: 'held', digits: 0 },
  { key: 'kibEach', title: 'KiB each', digits: 0 },
  { key: 'cpuMsEach', title: 'CPU ms each', digits: 1 },
  { key: 'mbPerSec', title: 'MB/s served', digits: 1 },
  { key: 'failure', title: 'first failure' }
]

const IDLE = 1000
const ACTIVE = 200
const PROCESSES = 4
const MODEL_BYTES = 4 * MIB
const ASK_MS = 10_000

/** Connections that one node holds, each in a session of its own: idle ones, and ones that ask for blocks. */
export async function connections (options: BenchOptions): Promise<BenchResult> {
  const idle = await hold(options, IDLE, false)
  const active = await hold(options, ACTIVE, true)
  return {
    tables: [{ title: `peers with keys of their own, in ${PROCESSES} processes`, columns: COLUMNS, rows: [idle, active] }],
    verdicts: [
      judge(`${IDLE} idle connections are held`, Number(idle['open']), { atLeast: IDLE }),
      judge(`${ACTIVE} active ones are held and served`, Number(active['open']), { atLeast: ACTIVE })
    ]
  }
}

async function hold ({ start, workspace, note }: BenchOptions, count: number, isActive: boolean): Promise<Values> {
  const work = await workspace.ramFolder(count * MODEL_BYTES / MAX_PEERS_PER_MODEL)
  const node = start('node', { flags: ['--expose-gc'] })
  const { addr } = await node.ask('start', { state: join(work, 'node') })
  const roots: string[] = []
  let blocks = 0
  for (let i = 0; i < count / MAX_PEERS_PER_MODEL; i++) {
    const path = join(work, `model-${i}.bin`)
    await writeFile(path, randomBytes(MODEL_BYTES))
    const published = await node.ask('publish', { path })
    roots.push(textOf(published, 'root'))
    blocks = numberOf(published, 'blocks')
  }
  const crowds = Array.from({ length: PROCESSES }, () => start('many-peers'))
  const each = async (act: (crowd: Child) => Promise<Reply>): Promise<Reply[]> => await Promise.all(crowds.map(act))
  const before = numberOf(await node.ask('memory'), 'rssBytes')
  await node.ask('mark')
  note(`${count} connections, ${isActive ? 'asking' : 'idle'}`)
  const connected = await each(async crowd => await crowd.ask('connect', {
    count: count / PROCESSES, addr: String(addr), roots: roots.join(' '), blocks
  }))
  const usage = await node.ask('usage')
  const after = numberOf(await node.ask('memory'), 'rssBytes')
  const asked = isActive
    ? await each(async crowd => await crowd.ask('ask', { blocks, blockBytes: MODEL_BYTES / blocks, ms: ASK_MS }))
    : []
  const open = (await each(async crowd => await crowd.ask('open'))).reduce((sum, one) => sum + numberOf(one, 'open'), 0)
  const row = {
    name: isActive ? 'asking' : 'idle',
    asked: count,
    open: isActive ? Math.min(open, asked.reduce((sum, one) => sum + numberOf(one, 'served'), 0)) : open,
    kibEach: (after - before) / 1024 / Math.max(1, open),
    cpuMsEach: numberOf(usage, 'cpuSeconds') * 1000 / Math.max(1, open),
    mbPerSec: asked.reduce((sum, one) => sum + numberOf(one, 'bytes'), 0) / 1e6 / (ASK_MS / 1000),
    failure: connected.map(one => textOf(one, 'failure')).find(text => text !== '') ?? ''
  }
  await Promise.all([...crowds, node].map(async child => { await child.stop() }))
  await workspace.drop(work)
  return row
}
