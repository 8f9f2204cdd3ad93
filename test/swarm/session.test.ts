import { describe, expect, it, vi } from 'vitest'
import { KEEPALIVE_MS } from '../../src/defaults.ts'
import { isModelswarmError } from '../../src/errors.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { ByeReason, Mode } from '../../src/wire/protocol.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { memoryModel, MemoryNode } from './memory-node.ts'
import { Puppet } from './puppet.ts'
import type { Message } from '../../src/wire/messages.ts'

vi.mock('../../src/swarm/proof.ts', async () => await import('./instant-proof.ts'))

const EMPTY = new Uint8Array(0)

/** A puppet in a session with a node that serves 16 blocks. */
async function meet (own: { mode?: number } = {}): Promise<Puppet> {
  const node = new MemoryNode('node', new VirtualClock(), await memoryModel(16))
  return await Puppet.meet(node.serve(), own)
}

const holdings = (own: Partial<Extract<Message, { type: 'holdings' }>> = {}): Message =>
  ({ type: 'holdings', blocks: 16, all: false, bits: EMPTY, unwanted: EMPTY, ...own })

describe('session', () => {
  it('hears of what the node holds, and is asked for a sign of life', async () => {
    const puppet = await meet()
    expect(puppet.of('holdings')).toEqual([holdings({ all: true })])
    expect(puppet.of('alive')).toEqual([{ type: 'alive', answer: false }])
  })

  it('knows what the peer holds and announces', async () => {
    const puppet = await meet()
    puppet.hold([1, 15])
    puppet.say({ type: 'have', indexes: [2] })
    await puppet.wait(20)
    expect([...puppet.session.their.holdings?.indexes() ?? []]).toEqual([1, 2, 15])
  })

  it('takes up blocks that were announced before the holdings came', async () => {
    const puppet = await meet()
    puppet.say({ type: 'have', indexes: [3, 3] })
    puppet.hold([1])
    await puppet.wait(20)
    expect([...puppet.session.their.holdings?.indexes() ?? []]).toEqual([1, 3])
  })

  const breaches: Array<[string, Message[]]> = [
    ['holdings twice', [holdings(), holdings()]],
    ['holdings of another number of blocks', [holdings({ blocks: 17 })]],
    ['holdings with a bitfield that is too short', [holdings({ bits: Uint8Array.of(1) })]],
    ['unwanted with a bitfield that is too short', [holdings({ unwanted: Uint8Array.of(1) })]],
    ['a block announced beyond the last', [holdings(), { type: 'have', indexes: [16] }]],
    ['a second hello', [{
      type: 'hello', proof: EMPTY, features: 0, encodings: [0], mode: 0, tree: false, token: EMPTY
    }]],
    ['an attach on the control stream', [{ type: 'attach', token: EMPTY }]],
    ['a tree node asked for by no CID', [{ type: 'request', indexes: [], cids: [Uint8Array.of(1, 2, 3)] }]],
    ['a tree node asked for by an empty CID', [{ type: 'request', indexes: [], cids: [EMPTY] }]]
  ]
  it.each(breaches)('ends for %s', async (_, messages) => {
    const puppet = await meet()
    for (const message of messages) puppet.say(message)
    await puppet.wait(100)
    expect(puppet.byes).toEqual([ByeReason.protocolError])
    expect(puppet.isOver).toBe(true)
    expect(isModelswarmError(puppet.node.ends[0], 'ERR_PROTOCOL')).toBe(true)
    expect([puppet.control.ends.length, puppet.data.ends.length]).toEqual([1, 1])
  })

  it('ends for a block on the control stream', async () => {
    const puppet = await meet()
    puppet.control.send({ type: 'block', index: 0, cid: undefined, payloadBytes: 3, encoding: 0 }, Uint8Array.of(1, 2, 3))
    await puppet.wait(100)
    expect(puppet.isOver).toBe(true)
    expect(puppet.data.ends).toHaveLength(1)
  })

  it('ends for a control message on the data stream', async () => {
    const puppet = await meet()
    puppet.data.send({ type: 'alive', answer: false })
    await puppet.wait(100)
    expect(puppet.byes).toEqual([ByeReason.protocolError])
  })

  it('ends for garbage on either stream', async () => {
    for (const stream of ['control', 'data'] as const) {
      const puppet = await meet()
      puppet[stream].sendBytes(Uint8Array.of(4, 0x22, 100, 1, 2))
      await puppet.wait(100)
      expect(puppet.isOver).toBe(true)
      expect(isModelswarmError(puppet.node.ends[0], 'ERR_BAD_FRAME')).toBe(true)
      expect([puppet.control.ends.length, puppet.data.ends.length]).toEqual([1, 1])
    }
  })

  it.each(['control', 'data'] as const)('leaves no stream behind when the peer closes its %s stream only', async stream => {
    const puppet = await meet()
    await puppet[stream].close()
    await puppet.wait(100)
    expect(puppet.isOver).toBe(true)
    expect(puppet.node.ends).toEqual([undefined])
    const other = stream === 'control' ? puppet.data : puppet.control
    expect(other.ends).toEqual([undefined])
  })

  it('skips messages of unknown kinds, up to a limit', async () => {
    const puppet = await meet()
    const unknown = Uint8Array.of(4, 0x72, 2, 8, 1)
    for (let i = 0; i < WIRE_LIMITS.unknownFrames; i++) puppet.control.sendBytes(unknown)
    await puppet.wait(100)
    expect(puppet.isOver).toBe(false)
    puppet.data.sendBytes(unknown)
    await puppet.wait(100)
    expect(puppet.byes).toEqual([ByeReason.protocolError])
  })

  it('drops blocks that nobody asked for, up to a limit', async () => {
    const puppet = await meet()
    for (let i = 0; i < WIRE_LIMITS.unaskedBlocks; i++) puppet.give(0, { bytes: Uint8Array.of(1) })
    await puppet.wait(100)
    expect(puppet.isOver).toBe(false)
    puppet.give(0, { bytes: Uint8Array.of(1) })
    await puppet.wait(100)
    expect(puppet.isOver).toBe(true)
  })

  it('answers a sign of life', async () => {
    const puppet = await meet()
    puppet.say({ type: 'alive', answer: false })
    await puppet.wait(20)
    expect(puppet.of('alive').at(-1)).toEqual({ type: 'alive', answer: true })
  })

  it('measures the round trip from the oldest question, so that a late answer makes it no shorter', async () => {
    const puppet = await meet()
    const roundTrips: number[] = []
    puppet.node.swarm.onRoundTrip = (_session, ms) => { roundTrips.push(ms) }
    await puppet.wait(2 * KEEPALIVE_MS)
    expect(puppet.of('alive').length).toBeGreaterThan(1)
    puppet.say({ type: 'alive', answer: true })
    puppet.say({ type: 'alive', answer: true })
    await puppet.wait(50)
    expect(roundTrips).toHaveLength(1)
    expect(roundTrips[0]).toBeGreaterThan(KEEPALIVE_MS)
  })

  it('ends when the peer is silent three times over, not while it answers', async () => {
    const puppet = await meet()
    const answering = await Puppet.meet(puppet.node, { id: 'answering' })
    for (let i = 0; i < 10; i++) {
      await puppet.wait(KEEPALIVE_MS / 2)
      answering.say({ type: 'alive', answer: true })
    }
    expect([puppet.isOver, answering.isOver]).toEqual([true, false])
    expect(isModelswarmError(puppet.node.ends[0], 'ERR_PEER_LOST')).toBe(true)
  })

  it('ends in peace when the peer says goodbye', async () => {
    const puppet = await meet()
    puppet.say({ type: 'bye', reason: ByeReason.stopping })
    await puppet.wait(50)
    expect(puppet.node.ends).toEqual([undefined])
    expect([puppet.control.ends, puppet.data.ends]).toEqual([[undefined], [undefined]])
  })

  it('reads an unknown goodbye as stopping, and an unknown mode as open', async () => {
    const puppet = await meet({ mode: 99 })
    expect(puppet.session.their.mode).toBe(Mode.open)
    puppet.say({ type: 'bye', reason: 99 })
    await puppet.wait(50)
    expect(puppet.node.ends).toEqual([undefined])
  })

  it('says goodbye and closes both streams when the node stops', async () => {
    const puppet = await meet()
    await puppet.node.swarm.stop()
    await puppet.wait(50)
    expect(puppet.byes).toEqual([ByeReason.stopping])
    expect([puppet.control.ends, puppet.data.ends]).toEqual([[undefined], [undefined]])
  })
})
