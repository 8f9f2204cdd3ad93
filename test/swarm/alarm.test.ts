import { expect, it } from 'vitest'
import { Alarm } from '../../src/swarm/alarm.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { pass } from './memory-node.ts'

it('an alarm rings once for all that set it, when the first wanted it, and can be set again', async () => {
  const clock = new VirtualClock()
  const rings: number[] = []
  const alarm = new Alarm(clock, () => { rings.push(clock.now()) })
  alarm.set(10)
  alarm.set(5)
  await pass(clock, 20)
  alarm.set(5)
  await pass(clock, 20)
  expect(rings).toEqual([10, 25])
})

it('an alarm that is stopped does not ring, until it is set again', async () => {
  const clock = new VirtualClock()
  const rings: number[] = []
  const alarm = new Alarm(clock, () => { rings.push(clock.now()) })
  alarm.set(10)
  alarm.stop()
  await pass(clock, 20)
  alarm.set(10)
  await pass(clock, 20)
  expect(rings).toEqual([30])
})
