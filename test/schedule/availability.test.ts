import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bitfield } from '../../src/model/bitfield.ts'
import { Availability } from '../../src/schedule/availability.ts'

const BLOCKS = 40

function bitfield (indexes: Iterable<number>): Bitfield {
  const field = new Bitfield(BLOCKS)
  for (const index of indexes) field.add(index)
  return field
}

const anyStep = fc.record({
  source: fc.nat({ max: 4 }),
  kind: fc.constantFrom('toggle', 'have', 'have', 'have', 'lose'),
  block: fc.nat({ max: BLOCKS - 1 }),
  isFull: fc.boolean()
})

describe('availability', () => {
  it('counts the holders of every block whatever comes, goes, gains and loses', () => {
    fc.assert(fc.property(fc.array(anyStep, { maxLength: 200 }), steps => {
      const availability = new Availability(BLOCKS)
      const sources = new Map<number, Bitfield>()
      for (const { source, kind, block, isFull } of steps) {
        const holdings = sources.get(source)
        if (holdings === undefined) {
          // one block short of everything in the other case, so that filling up is common
          const field = bitfield(Array.from({ length: BLOCKS }, (_, i) => i).filter(i => isFull || i !== block))
          sources.set(source, field)
          availability.add(field)
        } else if (kind === 'toggle') {
          availability.remove(holdings)
          sources.delete(source)
        } else if (kind === 'have') {
          const isNews = !holdings.has(block)
          expect(availability.addOne(holdings, block)).toBe(isNews)
        } else {
          availability.removeOne(holdings, block)
        }
        const all = [...sources.values()]
        expect(availability.seeders).toBe(all.filter(field => field.isFull).length)
        for (let i = 0; i < BLOCKS; i++) {
          expect(availability.of(i)).toBe(all.filter(field => field.has(i)).length)
        }
      }
    }), { numRuns: 60 })
  })

  it('says whether an announced block was news', () => {
    const availability = new Availability(BLOCKS)
    const holdings = bitfield([1])
    availability.add(holdings)
    expect(availability.addOne(holdings, 1)).toBe(false)
    expect(availability.addOne(holdings, 2)).toBe(true)
    expect(holdings.has(2)).toBe(true)
  })
})
