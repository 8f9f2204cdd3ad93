// Requests that cannot be answered, and more of everything than anybody needs.
import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../../src/wire/codec.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { ByeReason, RejectReason } from '../../src/wire/protocol.ts'
import { cidOfDigest, DAG_PB_CODEC } from '../../src/model/block-id.ts'
import { noise, sha256 } from '../model/tree-fixtures.ts'
import { eventually } from '../node/nodes.ts'
import { seeder } from './victim.ts'
import type { Message } from '../../src/wire/messages.ts'

const victim = seeder()

/** The same frame so many times: poured in large pieces, as fast as a socket takes it. */
function many (message: Message, times: number): Uint8Array {
  const frame = encodeFrame(message)
  const bytes = new Uint8Array(frame.byteLength * times)
  for (let i = 0; i < times; i++) bytes.set(frame, i * frame.byteLength)
  return bytes
}

const someIndexes = Array.from({ length: WIRE_LIMITS.indexes }, (_, i) => i % 8)

describe('a node ends and remembers a peer that floods it with', () => {
  it.each<[string, Message, boolean]>([
    ['signs of life to answer', { type: 'alive', answer: false }, false],
    ['announcements of what it has announced', { type: 'have', indexes: [1] }, false],
    ['announcements as large as they may be', { type: 'have', indexes: someIndexes }, true],
    ['announcements of what never comes', { type: 'have', indexes: [], coming: someIndexes.slice(0, WIRE_LIMITS.comingBlocks) }, false],
    ['announcements of nothing', { type: 'have', indexes: [] }, false],
    ['requests for what it lacks', { type: 'request', indexes: [4_000_000], cids: [] }, false],
    ['requests as large as they may be', { type: 'request', indexes: someIndexes.map(i => i + 1e6), cids: [] }, true],
    ['cancels', { type: 'cancel', indexes: someIndexes }, true],
    ['rejects', { type: 'reject', indexes: [1], cids: [], reason: RejectReason.busy, retryAfterMs: 0 }, false],
    ['grants', { type: 'want', upTo: 1, modes: 0 }, false],
    ['modes', { type: 'mode', mode: 2, given: 0 }, false]
  ])('%s', async (_, message, isLarge) => {
    const { peer, session } = await victim().meet()
    session.hold(victim().blocks, false)
    await session.control.pour(many(message, isLarge ? 1 : 200), 2000)
    expect(await session.bye()).toBe(ByeReason.protocolError)
    expect(await victim().refusal(peer)).toBe('ERR_FLOOD')
    await victim().servesOthers()
  })

  it.each<[string, number]>([['blocks nobody asked for, small ones', 3], ['large ones', 2_000_000]])('%s', async (_, payloadBytes) => {
    const { peer, session } = await victim().meet()
    const header = encodeFrame({ type: 'block', index: 0, cid: undefined, payloadBytes, encoding: 0 })
    const frame = new Uint8Array(header.byteLength + payloadBytes)
    frame.set(header)
    await session.data.pour(frame, 3000)
    expect(await session.bye()).toBe(ByeReason.protocolError)
    expect(await victim().refusal(peer)).toBe('ERR_FLOOD')
    await victim().servesOthers()
  })
})

describe('a node answers without ending the session', () => {
  it('requests for blocks it lacks, and for nodes of other trees', async () => {
    const { peer, session } = await victim().meet()
    const cid = cidOfDigest(sha256(noise(77, 100)), DAG_PB_CODEC).bytes
    session.control.send({ type: 'request', indexes: [0, victim().blocks, 2 ** 32 - 1], cids: [cid] })
    await eventually(() => session.control.all('reject').length >= 2 && session.data.blocks === 1, 'all is answered')
    const rejects = session.control.all('reject')
    expect(rejects.every(({ reason }) => reason === RejectReason.notHeld)).toBe(true)
    expect(rejects.flatMap(({ indexes }) => indexes)).toEqual([victim().blocks, 2 ** 32 - 1])
    expect(rejects.flatMap(({ cids }) => cids.map(String))).toEqual([String(cid)])
    expect(victim().hasRefused(peer)).toBe(false)
  })

  it('a peer that asks for everything again and again and does not read: little is sent, and less is read ahead', async () => {
    const { session } = await victim().meet()
    const window = session.data.stopReading()
    const before = victim().node.sentBytes
    const indexes = Array.from({ length: victim().blocks }, (_, i) => i)
    for (let i = 0; i < 100; i++) {
      const answers = session.control.all('alive').length
      session.control.send({ type: 'request', indexes, cids: [] })
      session.control.send({ type: 'alive', answer: false })
      await eventually(() => session.control.all('alive').length > answers, 'it was heard')
    }
    await victim().servesOthers()
    // what fits the window, the block that filled it, and the one of servesOthers
    expect(victim().node.sentBytes - before).toBeLessThanOrEqual(window + 2 * 65_536)
  })
})

it('a node gives everything to an honest peer after all that', async () => {
  await victim().givesAll()
})
