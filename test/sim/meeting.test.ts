import { describe, expect, it } from 'vitest'
import { ENOUGH_SHARE, GRAPH_DEGREE, PARALLEL_DIALS } from '../../src/defaults.ts'
import { dialsFirst } from '../../src/swarm/discovery.ts'
import { meet } from './meeting.ts'

/** Round trips of a dial: connecting, Hello. */
const DIAL_TRIPS = 4

describe('peers that know only the publisher', () => {
  it.each([[8, 0], [16, 0], [50, 0], [16, 60]])('%i of them, the last %i round trips late, know each other in two', async (
    peers, lateTrips
  ) => {
    const { learned, met, mostDials, mostAtOnce } = await meet({ peers, lateTrips })
    // Sums of floats.
    expect(Math.max(...learned)).toBeLessThan(lateTrips + 2.001)
    expect(learned.at(-1)).toBeLessThan(2.001)
    // A few at a time, each peer about half of its neighbours.
    expect(mostAtOnce).toBeLessThanOrEqual(PARALLEL_DIALS)
    expect(Math.max(...met)).toBeLessThan(lateTrips + 2.001 + DIAL_TRIPS * Math.ceil(mostDials / PARALLEL_DIALS))
  })

  it.each([[50, 0], [200, 0], [200, 100]])('%i of them, the last %i round trips late, have about as many neighbours each', async (
    peers, lateTrips
  ) => {
    const { neighbours, mostDials } = await meet({ peers, lateTrips, restTrips: 100 })
    expect(Math.min(...neighbours)).toBeGreaterThanOrEqual(GRAPH_DEGREE * ENOUGH_SHARE - 1)
    expect(Math.max(...neighbours)).toBeLessThanOrEqual(1.5 * GRAPH_DEGREE)
    const sorted = [...neighbours].sort((a, b) => a - b)
    expect(sorted[peers >> 1]).toBe(GRAPH_DEGREE)
    // Who meets refusals does not go from door to door.
    expect(mostDials).toBeLessThanOrEqual(2 * GRAPH_DEGREE)
  })

  it('do not dial both ways', async () => {
    for (const peers of [8, 16]) {
      const { dials } = await meet({ peers })
      expect(dials).toBe(peers + peers * (peers - 1) / 2)
    }
  })
})

it('of two peers exactly one dials first, and a peer of any id about half of its neighbours', () => {
  const ids = Array.from({ length: 200 }, (_, i) => `peer-${(i * 7919 + 104729).toString(36)}`)
  for (const a of ids) {
    const others = ids.filter(b => b !== a)
    for (const b of others) expect(dialsFirst(a, b)).toBe(!dialsFirst(b, a))
    const share = others.filter(b => dialsFirst(a, b)).length / others.length
    expect(share).toBeGreaterThan(0.3)
    expect(share).toBeLessThan(0.7)
  }
})
