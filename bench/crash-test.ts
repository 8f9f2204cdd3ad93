import { mkdir, open } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { makeModel } from '../examples/make-model.ts'
import { GIB, judge, MIB } from './bench.ts'
import { textOf } from './child.ts'
import { KINDS } from './crash/kinds.ts'
import { STORIES } from './crash/stories.ts'
import { World } from './crash/world.ts'
import { Random } from './random.ts'
import type { BenchOptions, BenchResult } from './bench.ts'
import type { Kind } from './crash/kinds.ts'
import type { Seeded } from './crash/world.ts'

const KILLS = 200
const MAX_REFETCH_MIB = 32
/** Kills in one state folder, at most. */
const MAX_KILLS_A_STORY = 5
/** Stories of a kind, in the number of kills asked of it: a kill may come too late. */
const MAX_STORIES = 4
const SMALL_BYTES = 24 * MIB
const PART_BYTES = 32 * MIB
const PARTS = 4
/** Over 1 GiB what is recorded is believed after a kill, below it a part file is read again (files/held-record.ts). */
const LARGE_BYTES = GIB + 64 * MIB
const USUAL_MS = 800

/** Of one kind, over all its stories. */
interface Tally {
  kills: number
  stories: number
  blocksChecked: number
  refetchBytes: number
}

/**
 * Kills real processes with SIGKILL while they publish, pull, record, finish: afterwards the state folder opens in a
 * new process, whatever it says is held or indexed is on the disk with the right bytes, little is fetched again, and in
 * the end the files are exact. The seed gives what is killed when in which story; how far it had come is chance.
 */
export async function crashTest (options: BenchOptions): Promise<BenchResult> {
  const { asked, note, workspace } = options
  const kills = asked.kills ?? KILLS
  const seed = asked.seed ?? Date.now() % 2 ** 31
  note(`seed ${seed}`)
  const kinds = KINDS.map(kind => ({ kind, wanted: Math.ceil(kind.share * kills / 100) }))
  const dir = await workspace.ramFolder(2 * GIB + 2 * LARGE_BYTES)
  const models = await seedModels(options, dir)
  const tallies = new Map<Kind, Tally>()
  const failures: string[] = []

  const tell = async (kind: Kind, most: number): Promise<void> => {
    const tally = tallies.get(kind) ?? { kills: 0, stories: 0, blocksChecked: 0, refetchBytes: 0 }
    tallies.set(kind, tally)
    const story = tally.stories++
    const random = new Random(seed, KINDS.indexOf(kind), story)
    const maxKills = Math.min(most, random.between(2, MAX_KILLS_A_STORY))
    const world = new World({
      ...options, dir: join(dir, `${KINDS.indexOf(kind)}-${story}`), models, kind, random, maxKills
    })
    try {
      await world.open()
      const { refetchBytes } = await STORIES[kind.story](world)
      tally.refetchBytes = Math.max(tally.refetchBytes, refetchBytes)
      await world.remove()
    } catch (err) {
      options.signal.throwIfAborted()
      failures.push(`${kind.name}, story ${story} of seed ${seed}: ${err instanceof Error ? err.message : 'it failed'}`)
      note(failures.at(-1) ?? '')
    }
    tally.kills += world.kills
    tally.blocksChecked += world.blocksChecked
  }

  const queue = kinds.flatMap(one => Array.from({ length: Math.ceil(one.wanted / 3) }, () => one))
  const lane = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const { kind, wanted } = next
      const tally = tallies.get(kind)
      const left = wanted - (tally?.kills ?? 0)
      if (left <= 0 || (tally?.stories ?? 0) >= MAX_STORIES * wanted) continue
      await tell(kind, left)
      const total = [...tallies.values()].reduce((sum, one) => sum + one.kills, 0)
      note(`${total} kills; ${kind.name}`)
      // Its kills came too late: again, after the others.
      if ((tallies.get(kind)?.kills ?? 0) < wanted) queue.unshift(next)
    }
  }
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, lane))
  return result({ kinds, tallies, failures, seed })
}

async function seedModels ({ start, note }: BenchOptions, dir: string): Promise<Record<Kind['model'], Seeded>> {
  note('making models')
  const [small, files, large] = [join(dir, 'small'), join(dir, 'files'), join(dir, 'large')]
  await makeModel(small, { sizeBytes: SMALL_BYTES, seed: 1 })
  for (let part = 0; part < PARTS; part++) {
    await makeModel(join(files, String(part)), { sizeBytes: PART_BYTES, seed: 2 + part })
  }
  await makeSparse(large)
  const seeder = start('crash-node')
  const look = start('crash-look')
  await seeder.ask('start', { state: join(dir, 'seeder'), ledger: '' })
  const seed = async (path: string): Promise<Seeded> => {
    const reply = await seeder.ask('publish', { path })
    const print = textOf(await look.ask('print', { dir: path }), 'print')
    return { path, link: textOf(reply, 'link'), root: textOf(reply, 'root'), print, usualMs: USUAL_MS }
  }
  const seeded = { small: await seed(small), files: await seed(files), large: await seed(large) }
  seeded.large.usualMs = 8 * USUAL_MS
  await look.stop()
  return seeded
}

/** A file that is holes but for a counter every 64 KiB, so that no two blocks are the same. */
async function makeSparse (dir: string): Promise<void> {
  await mkdir(dir)
  const file = await open(join(dir, 'weights.bin'), 'w')
  await file.truncate(LARGE_BYTES)
  const counter = Buffer.alloc(8)
  for (let at = 0; at < LARGE_BYTES; at += 64 * 1024) {
    counter.writeDoubleLE(at + 1)
    await file.write(counter, 0, 8, at)
  }
  await file.close()
}

function result ({ kinds, tallies, failures, seed }: {
  kinds: ReadonlyArray<{ kind: Kind, wanted: number }>
  tallies: ReadonlyMap<Kind, Tally>
  failures: readonly string[]
  seed: number
}): BenchResult {
  const rows = kinds.map(({ kind }) => {
    const { kills = 0, stories = 0, blocksChecked = 0, refetchBytes = 0 } = tallies.get(kind) ?? {}
    return { name: kind.name, kills, stories, blocksChecked, refetchMib: refetchBytes / MIB }
  })
  const kills = rows.reduce((sum, row) => sum + row.kills, 0)
  const wanted = kinds.reduce((sum, one) => sum + one.wanted, 0)
  return {
    tables: [{
      title: `killed while, seed ${seed}`,
      columns: [
        { key: 'name', title: 'what went on' },
        { key: 'kills', title: 'kills', digits: 0 },
        { key: 'stories', title: 'state folders', digits: 0 },
        { key: 'blocksChecked', title: 'blocks looked at', digits: 0 },
        { key: 'refetchMib', title: 'fetched again, most MiB', digits: 1 }
      ],
      rows
    }],
    verdicts: [
      judge(`kills, at least ${wanted}`, kills, { atLeast: wanted }),
      judge('state folders that did not open, lied, or did not end in the exact files', failures.length, { atMost: 0 }),
      judge(`MiB fetched again for a kill, at most ${MAX_REFETCH_MIB}`,
        Math.max(...rows.map(row => row.refetchMib)), { atMost: MAX_REFETCH_MIB })
    ]
  }
}
