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

  it('learns within minutes that a path has become longer, and not sooner', () => {
    const delay = new PathDelay()
    delay.onBlock(0, 10)
    for (let at = 10; at < 50_000; at += 10) delay.onBlock(at, at + 110)
    delay.take()
    delay.onBlock(50_000, 50_110)
    expect(delay.take()).toBe(100)
    for (let at = 50_010; at < 180_000; at += 10) delay.onBlock(at, at + 110)
    delay.take()
    delay.onBlock(180_000, 180_110)
    expect(delay.take()).toBe(0)
  })
})
