import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bitfield } from '../../src/model/bitfield.ts'
import { BlockStates } from '../../src/schedule/block-states.ts'

const BLOCKS = 12
const sizeOf = (block: number): number => block + 1

function bitfield (indexes: Iterable<number>, length = BLOCKS): Bitfield {
  const field = new Bitfield(length)
  for (const index of indexes) field.add(index)
  return field
}

const everything = (): Bitfield => bitfield(Array.from({ length: BLOCKS }, (_, i) => i))
const fresh = (): BlockStates => new BlockStates(everything(), bitfield([]), sizeOf)

/** A step of the model: a plain map of block to who was asked, or stored. */
type Real = BlockStates
type Model = Map<number, { asked: string[], storing: string | undefined } | 'missing' | 'stored'>

const anyStep = fc.record({
  kind: fc.constantFrom('ask', 'ask', 'ask', 'storing', 'store', 'giveUp'),
  block: fc.nat({ max: BLOCKS - 1 }),
  source: fc.constantFrom('a', 'b', 'c')
})

interface Step { kind: string, block: number, source: string }

function apply (real: Real, model: Model, { kind, block, source }: Step): void {
  const state = model.get(block) ?? 'missing'
  const flight = typeof state === 'object' ? state : undefined
  if (kind === 'ask' && state !== 'stored' && flight?.asked.includes(source) !== true) {
    real.ask(block, source, 0)
    if (flight === undefined) model.set(block, { asked: [source], storing: undefined })
    else flight.asked.push(source)
  } else if (kind === 'storing' && flight?.asked.includes(source) === true) {
    real.storing(block, source)
    flight.storing = source
  } else if (kind === 'store' && state !== 'stored') {
    real.store(block)
    model.set(block, 'stored')
  } else if (kind === 'giveUp' && flight !== undefined) {
    const asked = flight.asked.filter(one => one !== source)
    const storing = flight.storing === source ? undefined : flight.storing
    const isMissing = asked.length === 0 && storing === undefined
    expect(real.giveUp(block, source)).toBe(isMissing)
    model.set(block, isMissing ? 'missing' : { asked, storing })
  }
}

describe('block states', () => {
  it('have every block in exactly one state, and the sums right, whatever happens (I4)', () => {
    fc.assert(fc.property(fc.array(anyStep, { maxLength: 150 }), steps => {
      const real = fresh()
      const model: Model = new Map(Array.from({ length: BLOCKS }, (_, i) => [i, 'missing']))
      for (const step of steps) {
        apply(real, model, step)
        let [missingBytes, storedBytes] = [0, 0]
        for (const [block, state] of model) {
          const isIn = [real.missing.has(block), real.inFlight.has(block), real.isStored(block)]
          expect(isIn).toEqual([state === 'missing', typeof state === 'object', state === 'stored'])
          if (state === 'missing') missingBytes += sizeOf(block)
          if (state === 'stored') storedBytes += sizeOf(block)
          if (typeof state === 'object') {
            expect(real.inFlight.get(block)?.asked.map(one => one.sourceId)).toEqual(state.asked)
          }
        }
        const least = Math.min(...[...model].map(([block, state]) => state === 'missing' ? sizeOf(block) : Infinity))
        expect(real.leastMissingBytes).toBeLessThanOrEqual(least)
        expect(2 * real.leastMissingBytes).toBeGreaterThan(least === Infinity ? 2 ** 52 : least)
        expect([real.missingBytes, real.storedBytes]).toEqual([missingBytes, storedBytes])
        expect(real.isComplete).toBe([...model.values()].every(state => state === 'stored'))
      }
    }), { numRuns: 300 })
  })

  it('begin with what is held stored, and what is unwanted in no state', () => {
    const states = new BlockStates(bitfield([1, 2, 3]), bitfield([2, 5]), sizeOf)
    expect([...states.missing.indexes()]).toEqual([1, 3])
    expect([...states.stored.indexes()]).toEqual([2])
    expect([states.missingBytes, states.storedBytes]).toEqual([2 + 4, 3])
  })

  it('take in blocks that are wanted later, each once', () => {
    const states = new BlockStates(bitfield([]), bitfield([]), sizeOf)
    for (const block of [3, 3, 1]) states.want(block)
    expect([[...states.missing.indexes()], states.missingBytes]).toEqual([[1, 3], 2 + 4])
    states.store(1)
    states.ask(3, 'a', 0)
    for (const block of [1, 3]) states.want(block)
    expect([states.missing.count, states.missingBytes, states.inFlight.size, states.storedBytes]).toEqual([0, 0, 1, 2])
  })

  it('refuse arrows that are not there', () => {
    const states = fresh()
    states.store(3)
    expect(() => { states.ask(3, 'a', 0) }).toThrow('not missing')
    expect(() => { states.store(3) }).toThrow('neither in flight nor missing')
    expect(() => { states.storing(4, 'a') }).toThrow('not in flight')
    expect(states.giveUp(4, 'a')).toBe(false)
  })
})
