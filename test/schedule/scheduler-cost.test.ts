// What scheduling costs, in calls and not in time: per block it must not grow with blocks times peers.
import { describe, expect, it } from 'vitest'
import { BLOCKS_PER_PLAN } from '../../src/defaults.ts'
import { Bitfield } from '../../src/model/bitfield.ts'
import { BlockStates } from '../../src/schedule/block-states.ts'
import { Scheduler } from '../../src/schedule/scheduler.ts'
import { Mode } from '../../src/wire/protocol.ts'
import { seededRandom } from '../sim/virtual-clock.ts'

const SOURCES = 200
const SIZE = 64 * 1024

/** Pulls a model from a spare publisher, seeders, and peers that each gain blocks meanwhile; counts calls per block. */
function callsPerBlock (blocks: number): number {
  let calls = 0
  const sizeOf = (): number => {
    calls++
    return SIZE
  }
  const random = seededRandom(blocks)
  const wanted = new Bitfield(blocks)
  wanted.fill()
  const states = new BlockStates(wanted, new Bitfield(blocks), sizeOf)
  const scheduler = new Scheduler({ states, sizeOf, maxBlockBytes: SIZE, random })
  const rarity = scheduler.availability.of.bind(scheduler.availability)
  scheduler.availability.of = block => {
    calls++
    return rarity(block)
  }
  for (let i = 0; i < SOURCES; i++) {
    const holdings = new Bitfield(blocks)
    if (i < 20) holdings.fill()
    else for (let block = 0; block < blocks; block++) if (random() < 0.5) holdings.add(block)
    scheduler.addSource(`source-${i}`, holdings, i === 0 ? Mode.spare : Mode.open)
  }
  calls = 0
  let now = 0
  while (!states.isComplete) {
    const asked: Array<[string, number]> = []
    for (const action of scheduler.plan(now)) {
      if (action.type === 'request') for (const block of action.blocks) asked.push([action.sourceId, block])
    }
    if (asked.length === 0) now = Math.max(now + 1, scheduler.wakeAt ?? now)
    for (const [id, block] of asked) {
      now += 0.1
      scheduler.onBytes(id, SIZE, now)
      if (scheduler.onArriving(id, block, now) !== 'wanted' || !scheduler.onReceived(id, block)) continue
      scheduler.onStored(id, block)
      scheduler.onHave(`source-${20 + Math.floor(random() * (SOURCES - 20))}`, Math.floor(random() * blocks))
    }
  }
  return calls / blocks
}

describe('scheduling cost', () => {
  it('per block is about the same for 1,000 and for 100,000 blocks at 200 sources', () => {
    const small = callsPerBlock(1000)
    const large = callsPerBlock(100_000)
    expect(large).toBeLessThan(2 * small)
    expect(large).toBeLessThan(500)
  })

  it('of a crowd is that of the sources that have room for a block', () => {
    let calls = 0
    const sizeOf = (): number => {
      calls++
      return SIZE
    }
    const wanted = new Bitfield(1000)
    wanted.fill()
    const states = new BlockStates(wanted, new Bitfield(1000), sizeOf)
    const random = seededRandom(1)
    const scheduler = new Scheduler({ states, sizeOf, maxBlockBytes: SIZE, random, budgetBytes: 2.5 * SIZE })
    for (let i = 0; i < SOURCES; i++) {
      const holdings = new Bitfield(1000)
      holdings.fill()
      scheduler.addSource(`source-${i}`, holdings, Mode.open)
    }
    const [first] = scheduler.plan(0)
    if (first?.type !== 'request') throw new Error('Nothing was asked')
    const [block = 0] = first.blocks
    scheduler.onArriving(first.sourceId, block, 1)
    scheduler.onReceived(first.sourceId, block)
    scheduler.onStored(first.sourceId, block)
    calls = 0
    expect(scheduler.plan(1)).toHaveLength(1)
    // One source is looked at, with a sample of two blocks for each that it may be asked for.
    expect(calls).toBeLessThan(2 * 2 * BLOCKS_PER_PLAN)
  })
})
