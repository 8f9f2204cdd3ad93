import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { formatLink } from '../src/model/link.ts'
import { judge, median, MIB } from './bench.ts'
import { numberOf, textOf } from './child.ts'
import { Star } from './network/star.ts'
import type { BenchOptions, BenchResult, Column, Values } from './bench.ts'
import type { Child } from './child.ts'

const COLUMNS: Column[] = [
  { key: 'name', title: 'attack' },
  { key: 'on', title: 'on' },
  { key: 'ratio', title: 'rate, of alone' },
  { key: 'mbitPerSec', title: 'Mbit/s', digits: 1 },
  { key: 'victimPeakMib', title: 'victim peak MiB', digits: 0 },
  { key: 'victimCpu', title: 'victim CPU s' },
  { key: 'rounds', title: 'rounds', digits: 0 },
  { key: 'ended', title: 'how they ended' }
]

/** [attack of children/offender.ts, whom it is aimed at] */
const CASES: ReadonlyArray<readonly [kind: string, on: 'seeder' | 'puller']> = [
  ['garbage', 'seeder'],
  ['endless frames', 'seeder'],
  ['flood of have', 'seeder'],
  ['flood of small have', 'seeder'],
  ['flood of alive', 'seeder'],
  ['requests for blocks we lack', 'seeder'],
  ['asks for all, reads nothing', 'seeder'],
  ['blocks never asked for', 'seeder'],
  ['streams without end', 'seeder'],
  ['hellos about other roots', 'seeder'],
  ['connections without end', 'seeder'],
  ['garbage', 'puller'],
  ['flood of have', 'puller'],
  ['blocks never asked for', 'puller'],
  ['wrong blocks', 'puller'],
  ['a byte a second', 'puller'],
  ['peer records without end', 'puller'],
  ['connections without end', 'puller']
]

const LINK = { mbitPerSec: 40, rttMs: 2 }
const MODEL_BYTES = 20 * MIB
/** Of the rate alone, with any one attack beside it. */
const AIM = 0.8

interface Measured {
  bitsPerSec: number
  victimPeakMib: number
  victimCpu: number
  rounds: number
  ended: string
}

/** An honest pull over a link of 40 Mbit/s, alone, and beside a hostile peer on the seeder or the puller. */
export async function hostile (options: BenchOptions): Promise<BenchResult> {
  const { workspace, note } = options
  const { path } = await workspace.model(MODEL_BYTES)
  note('alone')
  const alone = [await pullBeside(options, path), await pullBeside(options, path)]
  const aloneRate = median(alone.map(one => one.bitsPerSec))
  const rows: Values[] = [row('none', 'nobody', alone[0], aloneRate)]
  for (const [kind, on] of CASES) {
    const one = row(kind, on, await pullBeside(options, path, { kind, on }), aloneRate)
    note(`${kind}, on the ${on}: ${Number(one['ratio']).toFixed(2)} of alone, ${String(one['ended'])}`)
    rows.push(one)
  }
  const worst = Math.min(...rows.map(({ ratio }) => Number(ratio)))
  return {
    tables: [{ title: `${MODEL_BYTES / MIB} MiB at ${LINK.mbitPerSec} Mbit/s beside a hostile peer`, columns: COLUMNS, rows }],
    verdicts: [judge(`an honest pull keeps at least ${AIM} of its rate beside each`, worst, { atLeast: AIM })]
  }
}

async function pullBeside (
  { start, workspace }: BenchOptions, path: string, attack?: { kind: string, on: 'seeder' | 'puller' }
): Promise<Measured> {
  const work = await workspace.ramFolder(MODEL_BYTES)
  const [seeder, puller] = [start('node'), start('node')]
  const network = await Star.start(start, LINK)
  const seederAt = await seeder.ask('start', { state: join(work, 'seeder') })
  const pullerAt = await puller.ask('start', { state: join(work, 'puller') })
  const published = await seeder.ask('publish', { path })
  const root = textOf(published, 'root')
  const port = Number(/\/tcp\/(\d+)/.exec(textOf(seederAt, 'addr'))?.[1])
  const [from, to] = [await network.addNode(), await network.addNode()]
  const door = await network.openDoor(from, { node: to, port })
  const peers = [{ id: textOf(seederAt, 'peerId'), addrs: [`/ip4/127.0.0.1/tcp/${door}`] }]
  const hint = formatLink({ root: CID.parse(root), peers })
  const victim = attack?.on === 'puller' ? puller : seeder
  await victim.ask('mark')
  const offender = attack === undefined ? undefined : start('offender')
  const pulled = puller.ask('pull', { link: hint, out: join(work, 'out') })
  const addr = textOf(attack?.on === 'puller' ? pullerAt : seederAt, 'addr')
  if (attack !== undefined) {
    await offender?.ask('attack', { kind: attack.kind, addr, root, blocks: numberOf(published, 'blocks') })
  }
  const reply = await pulled
  const usage = await victim.ask('usage')
  const told = await offender?.ask('ended')
  await stopAll([offender, puller, seeder])
  await network.stop()
  await workspace.drop(work)
  return {
    bitsPerSec: numberOf(reply, 'bytes') * 8 / numberOf(reply, 'seconds'),
    victimPeakMib: numberOf(usage, 'peakRssBytes') / MIB,
    victimCpu: numberOf(usage, 'cpuSeconds'),
    rounds: told === undefined ? 0 : numberOf(told, 'rounds'),
    ended: told === undefined ? '' : textOf(told, 'ended')
  }
}

async function stopAll (children: ReadonlyArray<Child | undefined>): Promise<void> {
  await Promise.all(children.map(async child => { await child?.stop() }))
}

function row (name: string, on: string, one: Measured | undefined, aloneRate: number): Values {
  if (one === undefined) throw new Error('Nothing was measured')
  const { bitsPerSec, ...rest } = one
  return { name, on, ratio: bitsPerSec / aloneRate, mbitPerSec: bitsPerSec / 1e6, ...rest }
}
