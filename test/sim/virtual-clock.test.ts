import { expect, it } from 'vitest'
import { seededRandom, VirtualClock } from './virtual-clock.ts'

it('runs events in time order, those of one time in the order they were asked for, with cancelled ones left out', async () => {
  const clock = new VirtualClock()
  const random = seededRandom(7)
  const expected: Array<{ at: number, order: number }> = []
  const seen: Array<{ at: number, order: number }> = []
  const cancels: Array<() => void> = []
  // Enough cancelled ones that they are swept out while others wait.
  for (let order = 0; order < 5000; order++) {
    const at = Math.floor(random() * 100)
    const event = { at, order }
    if (order % 5 !== 0) cancels.push(clock.setTimer(at, () => { seen.push(event) }))
    else {
      expected.push(event)
      if (order % 2 === 0) clock.after(at, () => { seen.push({ at: clock.now(), order }) })
      else clock.setTimer(at, () => { seen.push({ at: clock.now(), order }) })
    }
  }
  for (const cancel of cancels) cancel()
  await clock.run({ untilMs: Infinity })
  expected.sort((a, b) => a.at - b.at || a.order - b.order)
  expect(seen).toEqual(expected)
  expect(clock.events).toBe(expected.length)
})

it('lets promises settle before time goes on', async () => {
  const clock = new VirtualClock()
  const seen: string[] = []
  const later = async (depth: number): Promise<void> => {
    if (depth > 0) await later(depth - 1)
  }
  clock.setTimer(1, () => {
    later(50).then(() => { seen.push(`settled at ${clock.now()}`) }, () => { seen.push('failed') })
  })
  clock.setTimer(2, () => { seen.push('next') })
  await clock.run({ untilMs: 10, onInstant: at => { seen.push(`before ${at}`) } })
  expect(seen).toEqual(['before 1', 'settled at 1', 'before 2', 'next'])
})
