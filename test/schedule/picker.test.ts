import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bitfield } from '../../src/model/bitfield.ts'
import { pick } from '../../src/schedule/picker.ts'
import { seededRandom } from '../sim/virtual-clock.ts'

function bitfield (length: number, indexes: Iterable<number>): Bitfield {
  const field = new Bitfield(length)
  for (const index of indexes) field.add(index)
  return field
}

function full (length: number): Bitfield {
  const field = new Bitfield(length)
  field.fill()
  return field
}

const common = { rarity: () => 1, sizeOf: () => 1, budgetBytes: 1000, most: 10, random: seededRandom(1) }

describe('picker', () => {
  it('picks only what is held, missing and not skipped, each once, within number and bytes', () => {
    const anyCase = fc.record({
      length: fc.integer({ min: 0, max: 200 }),
      held: fc.array(fc.nat(), { maxLength: 200 }),
      missing: fc.array(fc.nat(), { maxLength: 200 }),
      skipped: fc.nat({ max: 5 }),
      most: fc.nat({ max: 20 }),
      budgetBytes: fc.nat({ max: 100 }),
      seed: fc.nat()
    })
    fc.assert(fc.property(anyCase, ({ length, held, missing, skipped, most, budgetBytes, seed }) => {
      const within = (all: number[]): number[] => length === 0 ? [] : all.map(one => one % length)
      const holdings = bitfield(length, within(held))
      const wanted = bitfield(length, within(missing))
      const skip = (block: number): boolean => block % 6 === skipped
      const sizeOf = (block: number): number => block % 7 + 1
      const { blocks: picked } = pick({
        holdings, missing: wanted, rarity: () => 1, sizeOf, budgetBytes, most, random: seededRandom(seed), skip
      })
      expect(new Set(picked).size).toBe(picked.length)
      expect(picked.length).toBeLessThanOrEqual(most)
      expect(picked.reduce((sum, block) => sum + sizeOf(block), 0)).toBeLessThanOrEqual(budgetBytes)
      for (const block of picked) expect(holdings.has(block) && wanted.has(block) && !skip(block)).toBe(true)
      const candidates = [...holdings.indexes()].filter(block => wanted.has(block) && !skip(block))
      const { length: fitting } = candidates.filter(block => sizeOf(block) <= budgetBytes)
      if (fitting > 0 && most > 0 && candidates.length < 32) expect(picked.length).toBeGreaterThan(0)
    }), { numRuns: 500 })
  })

  it('picks the rarest first', () => {
    const rarity = (block: number): number => block === 7 ? 0 : block === 9 ? 1 : 2
    for (let seed = 0; seed < 20; seed++) {
      const random = seededRandom(seed)
      const { blocks: picked } = pick({ ...common, holdings: full(30), missing: full(30), rarity, most: 3, random })
      expect(picked.slice(0, 2)).toEqual([7, 9])
    }
  })

  it('breaks ties at random', () => {
    const firsts = new Set(Array.from({ length: 50 }, (_, seed) =>
      pick({ ...common, holdings: full(30), missing: full(30), most: 1, random: seededRandom(seed) }).blocks[0]))
    expect(firsts.size).toBeGreaterThan(15)
  })

  it('finds the only candidate wherever it begins to look', () => {
    for (let seed = 0; seed < 20; seed++) {
      const missing = bitfield(5000, [4321])
      expect(pick({ ...common, holdings: full(5000), missing, random: seededRandom(seed) }).blocks).toEqual([4321])
    }
  })

  it('passes over what is too large for the budget, not over what comes behind it', () => {
    const sizeOf = (block: number): number => block < 5 ? 100 : 1
    const { blocks: picked } = pick({ ...common, holdings: full(10), missing: full(10), sizeOf, budgetBytes: 3 })
    expect(picked).toHaveLength(3)
    expect(picked.every(block => block >= 5)).toBe(true)
  })

  it('looks at a sample of many candidates', () => {
    let looked = 0
    const rarity = (): number => { looked++; return 1 }
    pick({ ...common, holdings: full(100_000), missing: full(100_000), rarity })
    expect(looked).toBeLessThanOrEqual(96)
  })
})
