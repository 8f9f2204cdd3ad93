import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bitfield } from '../../src/model/bitfield.ts'
import { Giver } from '../../src/swarm/giver.ts'
import { seededRandom } from '../sim/virtual-clock.ts'
import type { Receiver } from '../../src/swarm/giver.ts'

const one = (): number => 1

function receiver (id: string, blocks: number, held: Iterable<number> = [], unwanted?: Iterable<number>): Receiver {
  const holdings = new Bitfield(blocks)
  for (const index of held) holdings.add(index)
  if (unwanted === undefined) return { id, holdings, unwanted: undefined }
  const field = new Bitfield(blocks)
  for (const index of unwanted) field.add(index)
  return { id, holdings, unwanted: field }
}

function joined (blocks: number, ...receivers: Receiver[]): Giver {
  const giver = new Giver(blocks, seededRandom(1))
  for (const each of receivers) giver.join(each)
  return giver
}

/** A receiver has announced a block, as the swarm passes it on. */
function announce (giver: Giver, to: Receiver, block: number): void {
  giver.onHave(to.id, block)
  to.holdings.add(block)
}

describe('giver', () => {
  it('gives each block once, whoever asks', () => {
    const [a, b] = [receiver('a', 100), receiver('b', 100)]
    const giver = joined(100, a, b)
    const given = new Set<number>()
    for (let i = 0; i < 100; i++) {
      const block = giver.give(i % 3 === 0 ? a : b, 1, one)
      if (block !== undefined) given.add(block)
    }
    expect(given.size).toBe(100)
    expect([giver.left, giver.give(a, 1, one), giver.hasFor(b)]).toEqual([0, undefined, false])
  })

  it('gives nobody what somebody holds', () => {
    const [a, b] = [receiver('a', 4, [0, 1]), receiver('b', 4)]
    const giver = joined(4, a, b)
    expect(new Set([giver.give(b, 1, one), giver.give(b, 1, one)])).toEqual(new Set([2, 3]))
    expect(giver.hasFor(b)).toBe(false)
  })

  it('gives nobody what it does not want', () => {
    const a = receiver('a', 4, [], [0, 1, 2])
    const giver = joined(4, a)
    expect([giver.give(a, 1, one), giver.give(a, 1, one)]).toEqual([3, undefined])
    expect(giver.left).toBe(3)
  })

  it('gives only what fits into the grant', () => {
    const a = receiver('a', 3)
    const giver = joined(3, a)
    const sizeOf = (block: number): number => block === 1 ? 10 : 100
    expect(giver.give(a, 50, sizeOf)).toBe(1)
    expect(giver.give(a, 50, sizeOf)).toBeUndefined()
    expect(giver.hasFor(a)).toBe(true)
  })

  it('takes a block back when the only receiver leaves before anybody had it', () => {
    const [a, b] = [receiver('a', 1), receiver('b', 1)]
    const giver = joined(1, a, b)
    expect(giver.give(a, 1, one)).toBe(0)
    expect(giver.hasFor(b)).toBe(false)
    giver.leave(a)
    expect(giver.give(b, 1, one)).toBe(0)
  })

  it('takes a block back when its only holder leaves, not while another holds it', () => {
    const [a, b, c] = [receiver('a', 1), receiver('b', 1), receiver('c', 1)]
    const giver = joined(1, a, b, c)
    giver.give(a, 1, one)
    announce(giver, a, 0)
    announce(giver, b, 0)
    giver.leave(a)
    expect(giver.hasFor(c)).toBe(false)
    giver.leave(b)
    expect(giver.hasFor(c)).toBe(true)
  })

  it('gives no block again that could not be read', () => {
    const a = receiver('a', 1)
    const giver = joined(1, a)
    giver.drop(0)
    expect(giver.hasFor(a)).toBe(false)
  })

  it('counts nothing against a peer of what it was given before it left', () => {
    const a = receiver('a', 8)
    const giver = joined(8, a)
    const given = [1, 2, 3].map(() => giver.give(a, 1, one) ?? -1)
    giver.leave(a)
    const again = receiver('a', 8)
    giver.join(again)
    giver.give(again, 1, one)
    for (const id of ['b', 'c']) giver.join(receiver(id, 8, given))
    expect(giver.backlogOf('a')).toBeGreaterThanOrEqual(0)
  })

  it('never has a block given in two hands that the swarm does not hold', () => {
    const anyStep = fc.record({
      kind: fc.constantFrom('join', 'leave', 'give', 'give', 'give', 'have'),
      id: fc.constantFrom('a', 'b', 'c'),
      block: fc.nat({ max: 39 })
    })
    fc.assert(fc.property(fc.array(anyStep, { maxLength: 150 }), steps => {
      const giver = new Giver(40, seededRandom(3))
      const peers = new Map<string, { at: Receiver, given: Set<number> }>()
      const holds = (block: number): boolean => [...peers.values()].some(({ at }) => at.holdings.has(block))
      const hasGiven = (block: number): boolean => [...peers.values()].some(({ given }) => given.has(block))
      for (const { kind, id, block } of steps) {
        const peer = peers.get(id)
        if (peer === undefined) {
          if (kind !== 'join') continue
          const at = receiver(id, 40, [block])
          giver.join(at)
          peers.set(id, { at, given: new Set() })
        } else if (kind === 'leave') {
          giver.leave(peer.at)
          peers.delete(id)
        } else if (kind === 'give') {
          const given = giver.give(peer.at, 1, one)
          if (given === undefined) continue
          expect(holds(given) || hasGiven(given)).toBe(false)
          peer.given.add(given)
        } else if (kind === 'have' && !peer.at.holdings.has(block)) {
          peer.given.delete(block)
          announce(giver, peer.at, block)
        }
        const free = Array.from({ length: 40 }, (_, i) => i).filter(i => !holds(i) && !hasGiven(i))
        expect(giver.left).toBe(free.length)
        for (const id of ['a', 'b', 'c']) expect(giver.backlogOf(id)).toBeGreaterThanOrEqual(0)
      }
    }), { numRuns: 100 })
  })
})
