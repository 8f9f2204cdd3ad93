import { describe, expect, it } from 'vitest'
import { HAVE_BATCH_FIRST_MS, HAVE_BATCH_LEAST_MS, HAVE_BATCH_MOST_MS, HAVE_BLOCKS } from '../../src/defaults.ts'
import { Allowance } from '../../src/swarm/allowance.ts'
import { Announcer } from '../../src/swarm/announcer.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { Session } from '../../src/swarm/session.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { MemoryChannel } from './memory-channel.ts'
import { pass } from './memory-node.ts'

describe('announcer', () => {
  it('tells of a model that is found again in pieces that no peer takes for a flood, whatever came from our address before', async () => {
    const clock = new VirtualClock()
    const [control, far] = MemoryChannel.pair(clock)
    far.listen()
    const session = new Session({ peerId: 'peer', isOutbound: true, control, clock })
    // the first frame of a channel is short
    session.send({ type: 'alive', answer: false })
    const announcer = new Announcer(clock, () => [session])
    const blocks = 1_000_000
    for (let block = 0; block < blocks; block++) announcer.add(block)
    const allowance = new Allowance(clock.now(), WIRE_LIMITS.messageBurstLeast)
    let heard = 0
    let told = 0
    for (let rounds = 0; told < blocks && rounds < blocks; rounds++) {
      await pass(clock, HAVE_BATCH_MOST_MS)
      for (const message of far.received.slice(heard)) {
        if (message.type !== 'have') continue
        expect(message.indexes.length).toBeLessThanOrEqual(HAVE_BLOCKS)
        expect(allowance.onMessage(message, clock.now())).toBeUndefined()
        told += message.indexes.length
      }
      heard = far.received.length
      if (far.isClosed) break
    }
    expect(told).toBe(blocks)
  })

  it('tells at once of a block after a quiet time, and of those that follow together', async () => {
    const clock = new VirtualClock()
    const [control, far] = MemoryChannel.pair(clock, 0)
    far.listen()
    const session = new Session({ peerId: 'peer', isOutbound: true, control, clock })
    const announcer = new Announcer(clock, () => [session])
    const told = (): number[][] => far.received.flatMap(one => one.type === 'have' ? [[...one.indexes]] : [])
    announcer.add(0)
    await pass(clock, HAVE_BATCH_FIRST_MS)
    expect(told()).toEqual([[0]])
    announcer.add(1)
    await pass(clock, HAVE_BATCH_LEAST_MS / 2)
    announcer.add(2)
    expect(told()).toHaveLength(1)
    await pass(clock, HAVE_BATCH_LEAST_MS / 2)
    expect(told()).toEqual([[0], [1, 2]])
    await pass(clock, HAVE_BATCH_MOST_MS)
    announcer.add(3)
    await pass(clock, HAVE_BATCH_FIRST_MS)
    expect(told()).toEqual([[0], [1, 2], [3]])
  })
})
