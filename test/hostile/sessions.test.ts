// Hello, Attach, Holdings: lies at the beginning of a session, and a peer that comes back after one.
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { ByeReason, CONTROL_PROTOCOL, DATA_PROTOCOL } from '../../src/wire/protocol.ts'
import { eventually } from '../node/nodes.ts'
import { EMPTY } from './raw-peer.ts'
import { rawPeer, seeder } from './victim.ts'
import type { HoldingsMessage, Message } from '../../src/wire/messages.ts'

const victim = seeder()

describe('a stranger', () => {
  it.each<[string, Uint8Array]>([
    ['a wrong proof', new Uint8Array(32).fill(1)],
    ['no proof', EMPTY],
    ['a proof of another length', new Uint8Array(64)]
  ])('with %s gets the answer that an unknown root gets, and is not held guilty', async (_, proof) => {
    const peer = await rawPeer()
    const control = await peer.open(victim().addr, CONTROL_PROTOCOL)
    control.send(await peer.hello(victim().root, victim().node.peerId, { proof }))
    await control.ended
    expect(control.received).toEqual([{ type: 'bye', reason: ByeReason.unknownRoot }])
    expect(victim().hasRefused(peer)).toBe(false)
  })

  it('with a token of nobody gets its data stream reset, and is not held guilty', async () => {
    const peer = await rawPeer()
    const data = await peer.open(victim().addr, DATA_PROTOCOL)
    data.send({ type: 'attach', token: new Uint8Array(16) })
    await data.ended
    expect(victim().hasRefused(peer)).toBe(false)
  })
})

describe('a session ends with Bye(protocolError), and its peer is remembered, for', () => {
  const holdings = (own: (blocks: number) => Partial<HoldingsMessage>) => (): Message[] => {
    const { blocks } = victim()
    return [{ type: 'holdings', blocks, all: false, bits: EMPTY, unwanted: EMPTY, ...own(blocks) }]
  }
  const bytes = (blocks: number): number => Math.ceil(blocks / 8)
  it.each<[string, () => Message[]]>([
    ['a bitfield that is too short', holdings(blocks => ({ bits: new Uint8Array(bytes(blocks) - 1) }))],
    ['a bitfield with a bit behind the last block', holdings(blocks => ({ bits: new Uint8Array(bytes(blocks)).fill(255) }))],
    ['such a bitfield of what is not wanted', holdings(blocks => ({ unwanted: new Uint8Array(bytes(blocks)).fill(255) }))],
    ['another number of blocks', holdings(blocks => ({ blocks: blocks + 1 }))],
    ['holdings twice', () => [...holdings(() => ({}))(), ...holdings(() => ({}))()]],
    ['a block that is said to be coming, beyond the last', () =>
      [...holdings(() => ({}))(), { type: 'have', indexes: [], coming: [victim().blocks] }]],
    ['a block announced beyond the last', () => [...holdings(() => ({}))(), { type: 'have', indexes: [victim().blocks] }]],
    ['an attach on the control stream', () => [{ type: 'attach', token: EMPTY }]],
    ['a second hello', () => [{
      type: 'hello', proof: EMPTY, features: 0, encodings: [], mode: 0, tree: false, token: EMPTY
    }]],
    ['a tree node asked for by no CID', () => [{ type: 'request', indexes: [], cids: [Uint8Array.of(1, 2, 3)] }]]
  ])('%s', async (_, messages) => {
    const { peer, session } = await victim().meet()
    for (const message of messages()) session.control.send(message)
    expect(await session.bye()).toBe(ByeReason.protocolError)
    expect(await victim().refusal(peer)).toBe('ERR_PROTOCOL')
    await victim().servesOthers()
  })

  it('a bitfield that is too long, whose end it cannot say', async () => {
    const { peer, session } = await victim().meet()
    const { blocks } = victim()
    session.control.send({ type: 'holdings', blocks, all: false, bits: new Uint8Array(1000), unwanted: EMPTY })
    await session.control.ended
    expect(await victim().refusal(peer)).toBe('ERR_BAD_FRAME')
  })

  it('a control message on the data stream', async () => {
    const { peer, session } = await victim().meet()
    session.data.send({ type: 'alive', answer: true })
    expect(await session.bye()).toBe(ByeReason.protocolError)
    expect(await victim().refusal(peer)).toBe('ERR_PROTOCOL')
  })
})

describe('an offender that comes back', () => {
  it('is told that it is refused, then loses its connection, and gets no other', async () => {
    const { peer, session } = await victim().meet()
    session.control.send({ type: 'attach', token: EMPTY })
    await session.bye()
    const again = await peer.open(victim().addr, CONTROL_PROTOCOL)
    again.send(await peer.hello(victim().root, victim().node.peerId))
    await again.ended
    expect(again.received).toEqual([{ type: 'bye', reason: ByeReason.refused }])
    await eventually(() => peer.libp2p.getConnections().length === 0, 'the connection is closed')
    // libp2p's dial may or may not see the refusal before it believes to be connected
    await peer.libp2p.dial(multiaddr(victim().addr)).catch(() => {})
    await eventually(() => peer.libp2p.getConnections().length === 0, 'the new connection is closed too')
    await victim().servesOthers()
  })
})

it('a node gives everything to an honest peer after all that', async () => {
  await victim().givesAll()
})
