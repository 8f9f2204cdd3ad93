import { expect, it } from 'vitest'
import { FIRST_CREDIT_BYTES } from '../../src/defaults.ts'
import { Mode } from '../../src/wire/protocol.ts'
import { bytesPerMs } from './scenario.ts'
import { simulate } from './simulate.ts'
import type { Crowd } from './crowd.ts'
import type { Scenario } from './scenario.ts'
import type { Outcome } from './simulate.ts'

// The pitfalls of SWARM-POLICY.md section 5, by their numbers there. Files are small, so the start-up and the last
// block, which do not shrink with the file, weigh more than in the study: thresholds that are shares of the bound leave
// room for that.

const MIB = 2 ** 20
const BLOCK = 64 * 1024
const ROUND_TRIP_MS = 50
const same = (up: number, down: number) => () => ({ up, down })

/** 8 peers with 40 Mbit/s up and 80 down, round trip 50 ms. */
const SMALL: Scenario = {
  name: 'small',
  peers: 8,
  fileBytes: 16 * MIB,
  blockBytes: BLOCK,
  publisherUp: 40,
  rates: same(40, 80),
  latencyMs: ROUND_TRIP_MS / 2
}

async function run (change: Partial<Scenario>): Promise<Outcome> {
  return await simulate({ ...SMALL, ...change }, 1)
}

it('1: peers do not queue at the publisher for the last blocks', async () => {
  const { copies, finished, boundMs, spreadMs = NaN } = await run({})
  // In its second phase the publisher owes each peer what it may ask at once and one block of the endgame.
  const spareBlocks = SMALL.peers * (FIRST_CREDIT_BYTES / BLOCK + 1)
  expect(copies).toBeLessThanOrEqual(1 + spareBlocks * BLOCK / SMALL.fileBytes)
  const tailMs = (finished.at(-1) ?? NaN) * boundMs - spreadMs
  expect(tailMs).toBeLessThanOrEqual((SMALL.peers - 1) * BLOCK / bytesPerMs(40) + 10 * ROUND_TRIP_MS)
})

it('2: one far peer is not starved by what the publisher may have on its way', async () => {
  const { last } = await run({ peers: 1, fileBytes: 64 * MIB, rates: same(40, 40), latencyMs: 50 })
  expect(last).toBeLessThanOrEqual(1.05)
})

it('2: the up-link of the publisher is never idle while it has a block to give', async () => {
  const { spreadMs } = await run({ peers: 2, latencyMs: 50 })
  // Four round trips connect, one tells what is held, one more brings the first grant.
  const withoutPause = 6 * 100 + SMALL.fileBytes / bytesPerMs(40)
  expect(spreadMs).toBeLessThanOrEqual(1.02 * withoutPause)
})

it('3: what the publisher gives does not keep peers from asking each other', async () => {
  let looks = 0
  const idle: string[] = []
  await simulate(SMALL, 1, {
    onLook: crowds => {
      looks++
      for (const crowd of crowds) idle.push(...idleNeighbours(crowd))
    }
  })
  expect(looks).toBeGreaterThan(100)
  expect(idle).toEqual([])
})

/** Pairs where one lacks what the other holds, and has asked it for nothing. */
function idleNeighbours ({ alive }: Crowd): string[] {
  return alive.flatMap(({ id, scheduler, completeAt }) => {
    if (scheduler === undefined || completeAt !== undefined) return []
    const { states, sources } = scheduler
    return [...sources.values()]
      .filter(source => source.mode === Mode.open && source.asked.size === 0)
      .filter(source => [...source.holdings.indexes()].some(block => states.missing.has(block)))
      .map(source => `${id} of ${source.id}`)
  })
}

// The policy of today sends 1.17 to 1.21 copies of 64 MiB, and more of less (seeds 1 to 3): peers are not told what
// others ask of a seeder, and their picks meet. At 8 peers it keeps the threshold, at 1.10.
it.fails('4: 16 peers do not ask a plain seeder for the same blocks', async () => {
  const { copies } = await run({ peers: 16, fileBytes: 32 * MIB, origin: 'seeder' })
  expect(copies).toBeLessThanOrEqual(1.15)
})

it('4: 8 peers do not ask a plain seeder for the same blocks', async () => {
  const { copies } = await run({ fileBytes: 64 * MIB, rates: same(40, 40), origin: 'seeder' })
  expect(copies).toBeLessThanOrEqual(1.15)
})

it('5: credit grows to what a fast source delivers in a round trip', async () => {
  const fast = { peers: 1, publisherUp: 200, rates: same(200, 200) }
  const { last } = await run({ ...fast, fileBytes: 64 * MIB, origin: 'seeder' })
  expect(last).toBeLessThanOrEqual(1.25)
})

// 16 MiB are 0.7 s here, the handshake 0.4 s. Without credit for what came promptly this ended at 37.9.
it('5: credit grows to what a fast source far away delivers in a round trip', async () => {
  const far = { peers: 1, fileBytes: 16 * MIB, publisherUp: 200, rates: same(200, 200), latencyMs: 50 }
  const { last } = await run({ ...far, origin: 'seeder' })
  expect(last).toBeLessThanOrEqual(4)
})

it('6: blocks are given before the last ones have spread', async () => {
  const { last } = await run({ fileBytes: 64 * MIB, rates: same(40, 40) })
  expect(last).toBeLessThanOrEqual(1.1)
})

// The policy of today: 1.26 with 4.3 copies at 16 peers, where the study's publisher reaches 1.02 with 6.2. It is slow
// on purpose to send a second copy.
it.fails('7: a publisher much faster than the peers works until all have finished', async () => {
  const { last } = await run({ fileBytes: 64 * MIB, publisherUp: 400, rates: same(40, 200) })
  expect(last).toBeLessThanOrEqual(1.1)
})

it('7: a publisher much faster than the peers helps more than a closed one', async () => {
  const fast = { peers: 16, publisherUp: 400, rates: same(40, 200) }
  const [spare, closed] = [await run(fast), await run({ ...fast, open: 'never' })]
  expect(closed.copies).toBe(1)
  expect(spare.last).toBeLessThanOrEqual(0.95 * closed.last)
})

it('8: few bytes come twice', async () => {
  const { wasted } = await run({ peers: 16, fileBytes: 64 * MIB, rates: same(40, 40) })
  expect(wasted).toBeLessThanOrEqual(0.015)
})

it('9: nobody lags behind on a sparse graph', async () => {
  const { last, median } = await run({ peers: 24, degree: 8, rates: same(40, 40) })
  expect(last / median).toBeLessThanOrEqual(1.05)
})

it('10: blocks whose only holder left are given again, even by a publisher that repeats nothing', async () => {
  const { unfinished, last } = await run({ open: 'never', vanish: { share: 0.5, at: 0.5 } })
  expect(unfinished).toBe(0)
  expect(last).toBeLessThanOrEqual(1.5)
})
