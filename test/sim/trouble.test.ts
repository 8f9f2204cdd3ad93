import { describe, expect, it } from 'vitest'
import { bytesPerMs } from './scenario.ts'
import { simulate } from './simulate.ts'
import type { Scenario } from './scenario.ts'
import type { Outcome } from './simulate.ts'

// Trouble of all kinds: nobody may stall, and none of it may make the publisher send more than 1.4 copies.

const MIB = 2 ** 20
const BLOCK = 64 * 1024
const same = (up: number, down: number) => () => ({ up, down })

const SMALL: Scenario = {
  name: 'small',
  peers: 12,
  fileBytes: 16 * MIB,
  blockBytes: BLOCK,
  publisherUp: 40,
  rates: same(40, 80),
  latencyMs: 25
}
const BLOCKS = SMALL.fileBytes / BLOCK

async function run (change: Partial<Scenario>): Promise<Outcome> {
  return await simulate({ ...SMALL, ...change }, 1)
}

function expectGood (outcome: Outcome): void {
  expect(outcome.unfinished).toBe(0)
  expect(outcome.copies).toBeLessThanOrEqual(1.4)
}

describe('a publisher that leaves in the middle', () => {
  it('is not missed when the peers have a copy between them', async () => {
    const outcome = await run({ publisherLeavesAt: 1.15 })
    expect(outcome.lost).toBe(0)
    expectGood(outcome)
  })

  it('leaves each peer with the blocks that there are, and a true count of those that are missing', async () => {
    const outcome = await run({ publisherLeavesAt: 0.5 })
    expect(outcome.copies).toBeLessThanOrEqual(1)
    expect(outcome.lost).toBeGreaterThan(BLOCKS / 4)
    for (const { alive } of outcome.crowds) {
      for (const { held, scheduler } of alive) {
        // What a pull says when it gives up: wanted less held. Nobody it knows has any of them, which is true.
        expect(BLOCKS - held.count).toBe(outcome.lost)
        const states = scheduler?.states
        const none = [...states?.missing.indexes() ?? []].filter(block => scheduler?.availability.of(block) === 0)
        expect(none).toHaveLength(outcome.lost)
        expect(states?.inFlight.size).toBe(0)
      }
    }
  })
})

describe('a peer that uploads nothing', () => {
  it.each(['nothing', 'refusals'] as const)('and answers with %s holds nobody up', async gives => {
    const outcome = await run({ gives: i => i === 0 ? gives : 'blocks' })
    expectGood(outcome)
    // A silent source loses its requests after 5 s; the bound is 3.5 s here.
    expect(outcome.last).toBeLessThanOrEqual(2.5)
  })
})

it('a peer that is ten times slower holds nobody else up', async () => {
  const outcome = await run({ rates: i => i === 0 ? { up: 4, down: 8 } : { up: 40, down: 80 } })
  expectGood(outcome)
  const { finished, boundMs } = outcome
  const othersBoundMs = SMALL.fileBytes / bytesPerMs(40)
  expect((finished.at(-2) ?? NaN) * boundMs).toBeLessThanOrEqual(1.75 * othersBoundMs)
  expect(outcome.last).toBeLessThanOrEqual(1.2)
})

it('half the peers vanish at once', async () => {
  const outcome = await run({ peers: 24, vanish: { share: 0.5, at: 0.5 } })
  expect(outcome.finished).toHaveLength(12)
  expectGood(outcome)
  expect(outcome.last).toBeLessThanOrEqual(1.5)
})

it('all peers start with the same half of the model', async () => {
  const outcome = await run({ holds: (_, block) => block % 2 === 0 })
  expectGood(outcome)
  // The other half goes out once.
  expect(outcome.copies).toBeLessThanOrEqual(0.7)
  expect(outcome.last).toBeLessThanOrEqual(0.8)
})

it('a peer joins when all others are done', async () => {
  const outcome = await run({ arrivalMs: i => i === 0 ? 20_000 : 0 })
  expectGood(outcome)
  // Eleven peers give it what its down-link takes.
  const [late] = outcome.crowds.flatMap(({ alive }) => alive.filter(peer => peer.joinedAt > 0))
  const took = (late?.completeAt ?? NaN) - (late?.joinedAt ?? NaN)
  expect(took).toBeLessThanOrEqual(1.5 * SMALL.fileBytes / bytesPerMs(80))
})

it('two crowds on two models through one node', async () => {
  const outcome = await run({ peers: 16, crowds: 2 })
  expect(outcome.crowds.map(({ alive }) => alive.length)).toEqual([8, 8])
  expectGood(outcome)
  expect(outcome.last).toBeLessThanOrEqual(1.3)
})
