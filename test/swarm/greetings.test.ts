import { expect, it } from 'vitest'
import { REMEMBERED_RATES } from '../../src/defaults.ts'
import { Greetings } from '../../src/swarm/greetings.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { MemoryChannel } from './memory-channel.ts'

it('a peer that goes on opening streams is not forgotten for newer ones, one that has been quiet is', () => {
  const clock = new VirtualClock()
  const greetings = new Greetings(clock)
  const [channel] = MemoryChannel.pair(clock)
  const open = (peerId: string, times = 1): void => {
    for (let i = 0; i < times; i++) {
      greetings.begin(channel, peerId)
      greetings.end(channel, peerId)
    }
  }
  const meetOthers = (name: string): void => {
    for (let i = 1; i < REMEMBERED_RATES; i++) open(`${name}-${i}`)
  }
  open('busy', WIRE_LIMITS.streamBurst - 1)
  meetOthers('first')
  open('busy')
  meetOthers('second')
  expect(() => { open('busy') }).toThrow('streams a second')
  open('quiet', WIRE_LIMITS.streamBurst)
  expect(() => { open('quiet') }).toThrow('streams a second')
  meetOthers('third')
  open('fourth')
  open('quiet')
})
