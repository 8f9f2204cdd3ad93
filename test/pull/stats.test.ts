import { describe, expect, it } from 'vitest'
import { PullStats } from '../../src/pull/stats.ts'
import type { PullProgress } from '../../src/events.ts'

/** The statistics of a pull of 1000 bytes, on a clock that a test moves. */
function pulling (): { stats: PullStats, after: (ms: number, heldBytes: number) => PullProgress } {
  let now = 0
  const stats = new PullStats({ now: () => now, setTimer: () => () => {} })
  const after = (ms: number, heldBytes: number): PullProgress => {
    now += ms
    return stats.progress({ root: 'r', heldBytes, total: 1000, peers: 0, seeders: 0, sentBytes: 0 })
  }
  return { stats, after }
}

describe('the progress of a pull', () => {
  it('while it looks at what is there is what it has found so far, and no download', () => {
    const { stats, after } = pulling()
    after(0, 0)
    stats.check = { bytes: 300, goodBytes: 200 }
    const first = after(250, 0)
    expect(first).toMatchObject({ bytes: 200, checkedBytes: 300, rateInBytesPerSec: 0, secondsLeft: undefined })
    stats.check = undefined
    stats.held = 800
    const held = after(250, 800)
    expect(held).toMatchObject({ bytes: 800, rateInBytesPerSec: 0, secondsLeft: undefined })
    expect(held).not.toHaveProperty('checkedBytes')
  })

  it('does not count the time of looking at what is there in the rate of what comes then', () => {
    const { stats, after } = pulling()
    after(0, 0)
    stats.check = { bytes: 300, goodBytes: 200 }
    after(2000, 0)
    stats.check = undefined
    stats.from.peers = 100
    expect(after(500, 300).rateInBytesPerSec).toBe(200)
  })

  it('has the rate of what came, from peers or another place of this machine, beside what was there', () => {
    const { stats, after } = pulling()
    after(0, 0)
    stats.held = 800
    stats.from.peers = 30
    stats.from.local = 20
    expect(after(500, 850)).toMatchObject({ bytes: 850, rateInBytesPerSec: 100, secondsLeft: 1.5 })
  })
})
