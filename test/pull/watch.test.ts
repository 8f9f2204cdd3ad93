import { describe, expect, it } from 'vitest'
import { PullWatch } from '../../src/pull/watch.ts'

interface Watched {
  /** Lets a look come after so many ms. */
  look: (ms: number) => void
  watch: PullWatch
  /** Whether it has given up. */
  hasEnded: () => Promise<boolean>
}

function watched (): Watched {
  let now = 0
  let fire = (): void => {}
  const clock = {
    now: () => now,
    setTimer: (_ms: number, fn: () => void) => {
      fire = fn
      return () => {}
    }
  }
  const watch = new PullWatch({ clock, giveUpMs: 10_000, gaveUp: () => new Error('gave up'), onLook: () => {} })
  let hasEnded = false
  watch.failed.catch(() => { hasEnded = true })
  return {
    watch,
    look: ms => {
      now += ms
      fire()
    },
    hasEnded: async () => {
      await new Promise(resolve => { setImmediate(resolve) })
      return hasEnded
    }
  }
}

describe('PullWatch', () => {
  it('gives up after the time without a verified byte, counted from the last one', async () => {
    const { look, watch, hasEnded } = watched()
    for (let i = 0; i < 39; i++) look(250)
    watch.alive()
    for (let i = 0; i < 40; i++) look(250)
    expect(await hasEnded()).toBe(false)
    look(250)
    expect(await hasEnded()).toBe(true)
  })

  it('does not count the hours a machine has slept, and gives peers their time after it', async () => {
    const { look, hasEnded } = watched()
    look(250)
    look(3_600_000)
    expect(await hasEnded()).toBe(false)
    for (let i = 0; i < 30; i++) look(250)
    expect(await hasEnded()).toBe(false)
    for (let i = 0; i < 10; i++) look(250)
    expect(await hasEnded()).toBe(true)
  })
})
