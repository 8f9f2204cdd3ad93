import { expect, it } from 'vitest'
import { addedBetween, decodeTrace, encodeTrace, phasesOf } from '../../bench/network/phases.ts'
import type { Trace } from '../../bench/network/phases.ts'

const TRACE: Trace = [[250, 0], [500, 0], [1000, 100], [2000, 600], [3000, 900], [3500, 1000]]

it('says where the time of a pull went beyond what its link needs', () => {
  const phases = phasesOf(TRACE, 500)
  expect(phases.map(({ name, seconds, neededSeconds }) => [name, seconds, neededSeconds])).toEqual([
    ['until the first block', 0.5, 0],
    ['first tenth', 0.5, 0.2],
    ['middle', 2, 1.6],
    ['last tenth', 0.5, 0.2].map(value => typeof value === 'number' ? expect.closeTo(value, 6) as unknown : value)
  ])
  expect(phases.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(3.5)
  expect(phases.reduce((sum, { neededSeconds }) => sum + neededSeconds, 0)).toBeCloseTo(2)
})

it('tells what a counter added meanwhile', () => {
  const busy: Trace = [[0, 10], [1000, 12], [2000, 13]]
  expect(addedBetween(busy, 0, 2000)).toBe(3)
  expect(addedBetween(busy, 500, 1500)).toBe(1.5)
  expect(addedBetween(busy, 1500, 9000)).toBe(0.5)
})

it('goes through a message and back', () => {
  expect(decodeTrace(encodeTrace(TRACE))).toEqual(TRACE)
})
