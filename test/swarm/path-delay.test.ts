import { describe, expect, it } from 'vitest'
import { PathDelay } from '../../src/swarm/path-delay.ts'

describe('path delay', () => {
  it('is the time beyond the least, whatever the clocks say', () => {
    for (const offset of [0, 5000, -5000, 2 ** 31, 2 ** 32 - 10]) {
      const delay = new PathDelay()
      for (const [i, transit] of [30, 20, 120].entries()) delay.onBlock((i * 1000 + offset) >>> 0, i * 1000 + transit)
      // 0 at first, then 20 is the least, and the last took 100 more
      expect(delay.take()).toBe(33)
    }
  })

  it('says nothing when nothing came since', () => {
    const delay = new PathDelay()
    expect(delay.take()).toBeUndefined()
    delay.onBlock(0, 10)
    expect(delay.take()).toBe(0)
    expect(delay.take()).toBeUndefined()
  })

  it('learns that a path has become longer', () => {
    const delay = new PathDelay()
    delay.onBlock(0, 10)
    for (let i = 1; i < 2000; i++) delay.onBlock(i * 10, i * 10 + 110)
    delay.take()
    delay.onBlock(30_000, 30_110)
    expect(delay.take()).toBeLessThan(5)
  })
})
