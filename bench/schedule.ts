import { createHash } from 'node:crypto'
import { Bitfield } from '../src/model/bitfield.ts'
import { BlockStates } from '../src/schedule/block-states.ts'
import { Scheduler } from '../src/schedule/scheduler.ts'
import { Mode } from '../src/wire/protocol.ts'
import { judge, median } from './bench.ts'
import type { BenchOptions, BenchResult, Table, Values } from './bench.ts'

const BLOCK_COUNTS = [1000, 10_000, 100_000]
const PEER_COUNTS = [10, 50, 200]
const WARM_UP_BLOCKS = 20_000
/** Small cases are driven so often in each run that they have so many blocks together. */
const LEAST_BLOCKS = 20_000
const BLOCK_BYTES = 64 * 1024
/** Virtual time that a block takes to come: 400 MB/s in all. */
const BLOCK_MS = BLOCK_BYTES / 400_000
/** A case ends after this much real time, and tells what it found so far. */
const LIMIT_MS = 20_000
/** Turns between two looks at the real clock. */
const STRIDE = 256
/** While blocks times peers grow two thousandfold from the smallest case to the largest. */
const MAX_GROWTH = 4

/** Who holds what in a case. */
interface Scene {
  readonly title: string
  /** Share of the blocks that a peer holds at first; 1 for seeders. Those that do not hold all gain one at a time. */
  readonly share: number
  /** One publisher more, which has ended its first pass. */
  readonly spare: boolean
}

const SCENES: Scene[] = [
  { title: 'all peers hold everything', share: 1, spare: false },
  { title: 'each peer holds a random half and gains a block whenever we do', share: 0.5, spare: false },
  { title: 'as before, and a publisher that has given everything once', share: 0.5, spare: true }
]

/**
 * What deciding costs, a block: the pure scheduler with instant delivery in virtual time. It plans anew after every
 * block stored, as a pull does at its busiest, and hears of a block of another peer as often.
 */
export async function schedule ({ note, runs, signal }: BenchOptions): Promise<BenchResult> {
  const hashMicros = hashBlock()
  const tables: Table[] = []
  const growths: number[] = []
  for (const scene of SCENES) {
    note(scene.title)
    // the first cases would be slower by what compiling costs
    for (const peers of PEER_COUNTS) drive(scene, WARM_UP_BLOCKS, peers)
    const samples = new Map<string, number[]>()
    for (let run = 1; run <= runs; run++) {
      for (const blocks of BLOCK_COUNTS) {
        for (const peers of PEER_COUNTS) {
          const key = `${blocks} ${peers}`
          const repeats = Math.max(1, Math.round(LEAST_BLOCKS / blocks))
          for (let i = 0; i < repeats; i++) samples.set(key, [...samples.get(key) ?? [], drive(scene, blocks, peers)])
          await new Promise(resolve => { setImmediate(resolve) })
          signal.throwIfAborted()
        }
      }
    }
    const costs: number[] = []
    const rows = BLOCK_COUNTS.map((blocks): Values => {
      const row: Record<string, number> = { blocks }
      for (const peers of PEER_COUNTS) {
        const micros = median(samples.get(`${blocks} ${peers}`) ?? [])
        costs.push(micros)
        row[`peers${peers}`] = micros
      }
      return { ...row, ofHash: (costs.at(-1) ?? NaN) / hashMicros }
    })
    growths.push((costs.at(-1) ?? NaN) / (costs[0] ?? NaN))
    tables.push({
      title: `${scene.title}: microseconds a block`,
      columns: [
        { key: 'blocks', title: 'blocks', digits: 0 },
        ...PEER_COUNTS.map(peers => ({ key: `peers${peers}`, title: `${peers} peers`, digits: 1 })),
        { key: 'ofHash', title: `${PEER_COUNTS.at(-1) ?? 0} peers, of hashing the block` }
      ],
      rows
    })
  }
  const first = `${BLOCK_COUNTS[0] ?? 0} blocks and ${PEER_COUNTS[0] ?? 0} peers`
  const last = `${BLOCK_COUNTS.at(-1) ?? 0} and ${PEER_COUNTS.at(-1) ?? 0}`
  return {
    tables,
    verdicts: SCENES.map(({ title }, i) => judge(
      `${title}: from ${first} to ${last} the cost of a block grows at most ${MAX_GROWTH} times`,
      growths[i] ?? NaN, { atMost: MAX_GROWTH }
    ))
  }
}

/** Microseconds a block of one pull, from the first plan to the last block; what only prepares it is not counted. */
function drive ({ share, spare }: Scene, blocks: number, peers: number): number {
  const random = randomFrom(blocks + peers)
  const wanted = new Bitfield(blocks)
  wanted.fill()
  const sizeOf = (): number => BLOCK_BYTES
  const states = new BlockStates(wanted, new Bitfield(blocks), sizeOf)
  const scheduler = new Scheduler({ states, sizeOf, maxBlockBytes: BLOCK_BYTES, random })
  const ids = Array.from({ length: peers }, (_, i) => `peer ${i}`)
  for (const id of ids) scheduler.addSource(id, holdingsOf(blocks, share, random), Mode.open)
  if (spare) scheduler.addSource('publisher', holdingsOf(blocks, 1, random), Mode.spare)

  const queue: Array<{ block: number, id: string }> = []
  let taken = 0
  let now = 0
  const plan = (): void => {
    for (const action of scheduler.plan(now)) {
      if (action.type === 'request') for (const block of action.blocks) queue.push({ block, id: action.sourceId })
    }
  }
  const startMs = performance.now()
  let stored = 0
  for (let turn = 0; !states.isComplete; turn++, now += BLOCK_MS) {
    if (turn % STRIDE === 0 && performance.now() - startMs > LIMIT_MS) break
    plan()
    const next = queue[taken++]
    if (next === undefined) {
      // nobody has room or holds what is missing: time passes, others gain blocks
      taken = queue.length
      now = Math.max(now, scheduler.wakeAt ?? now)
    } else if (scheduler.onArriving(next.id, next.block, now)) {
      scheduler.onBytes(next.id, BLOCK_BYTES, now)
      if (scheduler.onReceived(next.id, next.block) && scheduler.onStored(next.id, next.block)) stored++
    }
    if (share < 1) scheduler.onHave(ids[Math.floor(random() * peers)] ?? '', Math.floor(random() * blocks))
  }
  return (performance.now() - startMs) * 1000 / stored
}

function holdingsOf (blocks: number, share: number, random: () => number): Bitfield {
  const holdings = new Bitfield(blocks)
  if (share === 1) holdings.fill()
  else for (let block = 0; block < blocks; block++) if (random() < share) holdings.add(block)
  return holdings
}

/** What any receiver spends on a block whatever its policy: microseconds to hash it. */
function hashBlock (): number {
  const block = new Uint8Array(BLOCK_BYTES)
  const count = 4000
  const startMs = performance.now()
  for (let i = 0; i < count; i++) createHash('sha256').update(block).digest()
  return (performance.now() - startMs) * 1000 / count
}

/** mulberry32 (Tommy Ettinger, public domain): the same case every time. */
function randomFrom (seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
