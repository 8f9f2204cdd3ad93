import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../../src/wire/codec.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { ByeReason, CONTROL_PROTOCOL, DATA_PROTOCOL } from '../../src/wire/protocol.ts'
import { noise } from '../model/tree-fixtures.ts'
import { rawPeer, seeder } from './victim.ts'
import type { Message } from '../../src/wire/messages.ts'

const victim = seeder()

/** A length as a frame begins with it. */
function lengthOf (bytes: number): Uint8Array {
  return Uint8Array.of(bytes & 0x7f | 0x80, bytes >> 7 & 0x7f | 0x80, bytes >> 14 & 0x7f | 0x80, bytes >> 21 & 0x7f)
}

function inOneFrame (...messages: Message[]): Uint8Array {
  const bodies = messages.flatMap(message => [...encodeFrame(message).subarray(1)])
  return Uint8Array.of(bodies.length, ...bodies)
}

describe('a node ends and remembers a stranger', () => {
  it.each<[string, string, Uint8Array, number]>([
    ['garbage on the control stream', CONTROL_PROTOCOL, noise(9, 4000), 1],
    ['garbage on the data stream', DATA_PROTOCOL, noise(10, 4000), 1],
    ['a length of five bytes', CONTROL_PROTOCOL, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1), 1],
    ['an announced frame of 200 MB', CONTROL_PROTOCOL, lengthOf(200_000_000), 1],
    ['an announced hello of one byte more than it may have', CONTROL_PROTOCOL, lengthOf(WIRE_LIMITS.helloBytes + 1), 1]
  ])('that brings %s', async (_, protocol, bytes, times) => {
    const peer = await rawPeer()
    const stream = await peer.open(victim().addr, protocol)
    await stream.pour(bytes, times)
    await stream.ended
    expect(await victim().refusal(peer)).toBe('ERR_BAD_FRAME')
    await victim().servesOthers()
  })

  it.each<[string, Uint8Array, number]>([
    ['megabytes of messages out of place', encodeFrame({ type: 'want', upTo: 2 ** 50, modes: 0 }), 10_000],
    ['empty frames without end', Uint8Array.of(0), 10_000],
    ['a block before anything else',
      encodeFrame({ type: 'block', index: 0, cid: undefined, payloadBytes: 2_000_000, encoding: 0 }), 1]
  ])('that brings %s on the data stream', async (_, bytes, times) => {
    const peer = await rawPeer()
    const stream = await peer.open(victim().addr, DATA_PROTOCOL)
    await stream.pour(bytes, times)
    await stream.ended
    expect(await victim().refusal(peer)).toBe('ERR_PROTOCOL')
  })
})

describe('a node ends and remembers a peer that said hello well, and then', () => {
  it.each<[string, Uint8Array]>([
    ['sends garbage', noise(11, 4000)],
    ['announces a frame beyond the limit', lengthOf(WIRE_LIMITS.frameHeaderBytes + 1)],
    ['announces a block beyond the limit', encodeFrame({
      type: 'block', index: 0, cid: undefined, payloadBytes: WIRE_LIMITS.payloadBytes + 1, encoding: 0
    })],
    ['sends two messages in one frame', inOneFrame({ type: 'want', upTo: 1, modes: 0 }, { type: 'alive', answer: true })],
    ['names too many indexes', encodeFrame({
      type: 'have', indexes: Array.from({ length: WIRE_LIMITS.indexes + 1 }, () => 0)
    })]
  ])('%s', async (_, bytes) => {
    const { peer, session } = await victim().meet()
    await session.control.pour(bytes, 1)
    await session.control.ended
    expect(await victim().refusal(peer)).toBe('ERR_BAD_FRAME')
    await victim().servesOthers()
  })

  it('sends a large frame after its holdings', async () => {
    const { peer, session } = await victim().meet()
    session.hold(victim().blocks, false)
    session.control.sendBytes(lengthOf(WIRE_LIMITS.messageBytes + 1))
    await session.control.ended
    expect(await victim().refusal(peer)).toBe('ERR_BAD_FRAME')
  })

  it('announces a data frame beyond the limit: told so on the control stream', async () => {
    const { peer, session } = await victim().meet()
    session.data.sendBytes(lengthOf(WIRE_LIMITS.dataHeaderBytes + 1))
    expect(await session.bye()).toBe(ByeReason.protocolError)
    expect(await victim().refusal(peer)).toBe('ERR_BAD_FRAME')
  })

  it('sends frames of no known kind without end', async () => {
    const { peer, session } = await victim().meet()
    await session.control.pour(Uint8Array.of(0), WIRE_LIMITS.unknownFrames + 10)
    expect(await session.bye()).toBe(ByeReason.protocolError)
    expect(await victim().refusal(peer)).toBe('ERR_FLOOD')
    await victim().servesOthers()
  })
})

describe('a node holds next to nothing', () => {
  it('for frames that begin and never end', async () => {
    const peers = await Promise.all(Array.from({ length: 8 }, async () => await victim().meet()))
    await victim().servesOthers()
    const before = process.memoryUsage().arrayBuffers
    for (const { session } of peers) session.control.sendBytes(lengthOf(WIRE_LIMITS.frameHeaderBytes), Uint8Array.of(1))
    await victim().servesOthers()
    expect(peers.filter(({ session }) => session.control.isEnded)).toEqual([])
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(WIRE_LIMITS.frameHeaderBytes)
  })
})

it('a node gives everything to an honest peer after all that', async () => {
  await victim().givesAll()
})
