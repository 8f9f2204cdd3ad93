import { describe, expect, it, vi } from 'vitest'
import { IDLE_NEIGHBOUR_MS, MAX_PEERS_PER_MODEL } from '../../src/defaults.ts'
import { isModelswarmError } from '../../src/errors.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { ByeReason, Feature } from '../../src/wire/protocol.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { proofOf } from './instant-proof.ts'
import { MemoryChannel } from './memory-channel.ts'
import { dial, memoryModel, MemoryNode, pass } from './memory-node.ts'
import type { Message } from '../../src/wire/messages.ts'
import type { MemoryModel } from './memory-node.ts'

vi.mock('../../src/swarm/proof.ts', async () => await import('./instant-proof.ts'))

const EMPTY = new Uint8Array(0)

interface World {
  clock: VirtualClock
  model: MemoryModel
  node: (id: string, model?: MemoryModel) => MemoryNode
}

async function world (): Promise<World> {
  const clock = new VirtualClock()
  const model = await memoryModel()
  return { clock, model, node: (id, own = model) => new MemoryNode(id, clock, own) }
}

async function hello (
  model: MemoryModel, from: string, to: string, { token = EMPTY, features = 0 } = {}
): Promise<Message> {
  const proof = await proofOf(model.manifest.root, from, to)
  return { type: 'hello', proof, features, encodings: [0], mode: 0, tree: false, token }
}

/** A puppet's control stream to a node. */
function strangerTo (node: MemoryNode, id = 'stranger'): MemoryChannel {
  const [near, far] = MemoryChannel.pair(node.clock)
  node.reception.acceptControl(far, id).catch((err: unknown) => { throw err })
  return near.listen()
}

/** A node's control stream to a puppet. */
function puppetFor (node: MemoryNode, id = 'puppet'): { puppet: MemoryChannel, errors: unknown[], data: MemoryChannel[] } {
  const [near, puppet] = MemoryChannel.pair(node.clock)
  const errors: unknown[] = []
  const data: MemoryChannel[] = []
  const openData = async (): Promise<MemoryChannel> => {
    const [ours, theirs] = MemoryChannel.pair(node.clock)
    data.push(theirs.listen())
    return ours
  }
  node.reception.open(node.swarm, id, { control: near, openData }).catch((err: unknown) => { errors.push(err) })
  return { puppet: puppet.listen(), errors, data }
}

const byesOf = (channel: MemoryChannel): number[] =>
  channel.received.flatMap(message => message.type === 'bye' ? [message.reason] : [])
const typesOf = (channel: MemoryChannel): string[] => channel.received.map(message => message.type)

describe('reception', () => {
  it('makes one session of a control and a data stream', async () => {
    const { clock, node } = await world()
    const [a, b] = [node('a').serve(), node('b')]
    const dialled = dial(b, a)
    await pass(clock, 200)
    expect(dialled.session?.isWritable).toBe(true)
    expect([a.swarm.sessions.get('b')?.isWritable, b.swarm.sessions.get('a')?.isOutbound]).toEqual([true, true])
  })

  it('opens the data stream while Hello is being answered, and resets it when there is no session', async () => {
    const { clock, node, model } = await world()
    for (const isKnown of [true, false]) {
      const { puppet, data } = puppetFor(node('b'))
      await pass(clock, 20)
      expect([typesOf(puppet), data.length]).toEqual([['hello'], 1])
      puppet.send(isKnown ? await hello(model, 'puppet', 'b') : { type: 'bye', reason: ByeReason.unknownRoot })
      await pass(clock, 20)
      expect(data.map(one => [typesOf(one), one.ends.length])).toEqual([isKnown ? [['attach'], 0] : [[], 1]])
    }
  })

  it.each([['a', 'b'], ['b', 'a']])('keeps the session that the smaller id opened when both open at once (%s first)', async (first, second) => {
    const { clock, node } = await world()
    const nodes = new Map([['a', node('a').serve()], ['b', node('b').serve()]])
    const [one, two] = [nodes.get(first), nodes.get(second)]
    if (one === undefined || two === undefined) throw new Error('unreachable')
    const dials = [dial(one, two), dial(two, one)]
    await pass(clock, 500)
    const [a, b] = [nodes.get('a'), nodes.get('b')]
    expect(a?.swarm.sessions.get('b')?.isOutbound).toBe(true)
    expect(b?.swarm.sessions.get('a')?.isOutbound).toBe(false)
    expect(a?.swarm.sessions.get('b')?.isWritable && b?.swarm.sessions.get('a')?.isWritable).toBe(true)
    expect(dials.map(({ error }) => error)).toEqual([undefined, undefined])
    expect(dials.filter(({ session }) => session === undefined)).toHaveLength(1)
  })

  it('keeps one session whatever the time between two opens', async () => {
    for (let delay = 0; delay <= 60; delay += 3) {
      const { clock, node } = await world()
      const [a, b] = [node('a').serve(), node('b').serve()]
      dial(a, b)
      clock.setTimer(delay, () => { dial(b, a) })
      await pass(clock, 500)
      const [ours, theirs] = [a.swarm.sessions.get('b'), b.swarm.sessions.get('a')]
      expect([delay, ours?.isWritable, theirs?.isWritable]).toEqual([delay, true, true])
      expect(ours?.isOutbound).not.toBe(theirs?.isOutbound)
    }
  })

  it('tells an opener that its root is not known here', async () => {
    const { clock, node } = await world()
    const dialled = dial(node('a'), node('b', await memoryModel(3)))
    await pass(clock, 200)
    expect(isModelswarmError(dialled.error, 'ERR_NOT_HELD')).toBe(true)
  })

  it('gives a stranger with a wrong proof the answer that an unknown root gets', async () => {
    const { clock, model, node } = await world()
    const a = node('a').serve()
    const stranger = strangerTo(a)
    stranger.send(await hello(model, 'somebody else', 'a'))
    await pass(clock, 200)
    expect(stranger.received).toEqual([{ type: 'bye', reason: ByeReason.unknownRoot }])
    expect(stranger.ends).toEqual([undefined])
  })

  it('believes no accepter that does not prove that it knows the root', async () => {
    const { clock, model, node } = await world()
    const { puppet, errors } = puppetFor(node('a'))
    puppet.send(await hello(model, 'somebody else', 'a'))
    await pass(clock, 200)
    expect(isModelswarmError(errors[0], 'ERR_PROTOCOL')).toBe(true)
    expect(puppet.ends).toHaveLength(1)
  })

  it('refuses a first word that is no hello', async () => {
    const { clock, node } = await world()
    const a = node('a').serve()
    const stranger = strangerTo(a)
    stranger.send({ type: 'have', indexes: [1] })
    await pass(clock, 200)
    expect(stranger.ends).toHaveLength(1)
    expect(a.swarm.sessions.size).toBe(0)
  })

  it('refuses garbage, and a hello that is too large', async () => {
    const { clock, node } = await world()
    const a = node('a').serve()
    const [garbage, large] = [strangerTo(a), strangerTo(a)]
    garbage.sendBytes(Uint8Array.of(5, 1, 2, 3, 4, 5))
    large.send({ type: 'peers', records: [new Uint8Array(4096), new Uint8Array(4096)] })
    await pass(clock, 200)
    expect([garbage.ends.length, large.ends.length]).toEqual([1, 1])
  })

  it('gives up a stranger that says nothing', async () => {
    const { clock, node } = await world()
    const stranger = strangerTo(node('a').serve())
    await pass(clock, WIRE_LIMITS.helloMs - 100)
    expect(stranger.ends).toEqual([])
    await pass(clock, 200)
    expect(stranger.ends).toHaveLength(1)
  })

  it('gives up a peer that does not attach its data stream', async () => {
    const { clock, model, node } = await world()
    const a = node('a').serve()
    const stranger = strangerTo(a)
    stranger.send(await hello(model, 'stranger', 'a'))
    await pass(clock, 200)
    expect(a.swarm.sessions.size).toBe(1)
    await pass(clock, WIRE_LIMITS.helloMs)
    expect(a.swarm.sessions.size).toBe(0)
    // A slow link is no broken rule: nobody is blamed, and both dial again.
    expect(a.ends.map(err => isModelswarmError(err) && err.code)).toEqual(['ERR_PEER_LOST'])
    expect(byesOf(stranger)).toEqual([ByeReason.stopping])
  })

  it('attaches a data stream once, for the peer whose token it is', async () => {
    const { clock, model, node } = await world()
    const a = node('a').serve()
    const stranger = strangerTo(a)
    stranger.send(await hello(model, 'stranger', 'a'))
    await pass(clock, 50)
    const [answer] = stranger.received
    const token = answer?.type === 'hello' ? answer.token : EMPTY
    expect(token).toHaveLength(16)
    const attach = (id: string): MemoryChannel => {
      const [near, far] = MemoryChannel.pair(clock)
      a.reception.acceptData(far, id)
      near.listen().send({ type: 'attach', token })
      return near
    }
    const thief = attach('thief')
    await pass(clock, 50)
    const first = attach('stranger')
    await pass(clock, 50)
    const second = attach('stranger')
    await pass(clock, 50)
    expect([thief.ends.length, first.ends.length, second.ends.length]).toEqual([1, 0, 1])
    expect(a.swarm.sessions.get('stranger')?.isWritable).toBe(true)
  })

  it.each<[string, (data: MemoryChannel) => unknown]>([
    ['says something else', data => data.send({ type: 'alive', answer: false })],
    ['sends a block first', data => data.send({ type: 'block', index: 0, cid: undefined, payloadBytes: 1, encoding: 0 })],
    ['says nothing', () => {}]
  ])('gives up a data stream that %s', async (_, act) => {
    const { clock, node } = await world()
    const [near, far] = MemoryChannel.pair(clock)
    node('a').serve().reception.acceptData(far, 'stranger')
    act(near.listen())
    await pass(clock, WIRE_LIMITS.helloMs + 100)
    expect(near.ends).toHaveLength(1)
  })

  it('keeps what an accepter announces while the data stream is being opened, however much', async () => {
    const { clock, model, node } = await world()
    const a = node('a').serve()
    const { puppet, errors } = puppetFor(a)
    puppet.send(await hello(model, 'puppet', 'a', { token: new Uint8Array(16) }))
    puppet.send({ type: 'holdings', blocks: model.manifest.blockCount, all: false, bits: EMPTY, unwanted: EMPTY })
    for (let i = 0; i < 1000; i++) puppet.send({ type: 'have', indexes: [i % model.manifest.blockCount] })
    await pass(clock, 200)
    expect(errors).toEqual([])
    expect(a.swarm.sessions.get('puppet')?.their.holdings?.isFull).toBe(true)
  })

  it('refuses an accepter that floods it before the session has begun', async () => {
    const { clock, model, node } = await world()
    const a = node('a').serve()
    const [near, puppet] = MemoryChannel.pair(clock)
    const never = new Promise<MemoryChannel>(() => {})
    a.reception.open(a.swarm, 'puppet', { control: near, openData: async () => await never }).catch((err: unknown) => { throw err })
    puppet.listen().send(await hello(model, 'puppet', 'a', { token: new Uint8Array(16) }))
    for (let i = 0; i <= WIRE_LIMITS.earlyMessages; i++) puppet.send({ type: 'alive', answer: true })
    await pass(clock, 200)
    expect(puppet.ends).toHaveLength(1)
  })

  it('refuses an opener that does not wait for the answer to its hello', async () => {
    const { clock, model, node } = await world()
    const stranger = strangerTo(node('a').serve())
    stranger.send(await hello(model, 'stranger', 'a'))
    for (let i = 0; i < 3; i++) stranger.send({ type: 'alive', answer: true })
    for (let i = 0; i < 400; i++) stranger.send({ type: 'have', indexes: Array.from({ length: 10 }, () => 0) })
    await pass(clock, 200)
    expect(stranger.ends).toHaveLength(1)
  })

  it('lets a newer session of a peer take the place of the older one', async () => {
    const { clock, node } = await world()
    const [a, b] = [node('a').serve(), node('b')]
    dial(a, b)
    await pass(clock, 200)
    const older = b.swarm.sessions.get('a')
    dial(a, b)
    await pass(clock, 200)
    expect(older?.isEnded).toBe(true)
    expect([a.swarm.sessions.size, b.swarm.sessions.size]).toEqual([1, 1])
    expect(b.swarm.sessions.get('a')?.isWritable).toBe(true)
  })

  it('speaks to itself with nobody', async () => {
    const { clock, model, node } = await world()
    const stranger = strangerTo(node('a').serve(), 'a')
    stranger.send(await hello(model, 'a', 'a'))
    await pass(clock, 200)
    expect(byesOf(stranger)).toEqual([ByeReason.duplicate])
  })

  it('ends streams that have not become sessions when it stops', async () => {
    const { clock, model, node } = await world()
    const a = node('a').serve()
    const silent = strangerTo(a)
    const [near, far] = MemoryChannel.pair(clock)
    a.reception.acceptData(far, 'stranger')
    near.listen()
    const halfway = strangerTo(a, 'halfway')
    halfway.send(await hello(model, 'halfway', 'a'))
    await pass(clock, 50)
    a.reception.stop()
    await a.swarm.stop()
    await pass(clock, 50)
    expect([silent.ends.length, near.ends.length, halfway.ends.length]).toEqual([1, 1, 1])
    expect(typesOf(halfway)).toContain('bye')
  })

  it('tells a peer that finds no room of others, before it says so', async () => {
    const { clock, model, node } = await world()
    const full = node('full')
    full.serve()
    full.records = [Uint8Array.of(1, 2, 3)]
    Object.defineProperty(full.swarm, 'isFull', { value: true })
    const stranger = strangerTo(full)
    stranger.send(await hello(model, 'stranger', 'full'))
    await pass(clock, 100)
    expect(typesOf(stranger)).toEqual(['hello', 'peers', 'bye'])
    expect(byesOf(stranger)).toEqual([ByeReason.full])
    expect(full.swarm.sessions.size).toBe(0)
  })

  it('says Hello to whom it sends on only with the Bye, however long the records take', async () => {
    const { clock, model, node } = await world()
    const content = node('content')
    content.serve()
    content.hasEnough = true
    content.records = [Uint8Array.of(1, 2, 3)]
    content.recordsMs = 500
    const stranger = strangerTo(content)
    stranger.send(await hello(model, 'stranger', 'content'))
    await pass(clock, 450)
    // An opener that has its answer begins the session, and would be cut off in it.
    expect(typesOf(stranger)).toEqual([])
    await pass(clock, 200)
    expect(typesOf(stranger)).toEqual(['hello', 'peers', 'bye'])
  })

  it('lets no more in than there is room for, though all come at once', async () => {
    const { clock, model, node } = await world()
    const full = node('full')
    full.serve()
    const strangers = Array.from({ length: MAX_PEERS_PER_MODEL + 50 }, (_, i) => strangerTo(full, `s${i}`))
    for (const [i, stranger] of strangers.entries()) stranger.send(await hello(model, `s${i}`, 'full'))
    await pass(clock, 500)
    expect(full.swarm.sessions.size).toBe(MAX_PEERS_PER_MODEL)
    expect(strangers.flatMap(byesOf)).toEqual(Array.from({ length: 50 }, () => ByeReason.full))
  })

  it('lets a newcomer take the place of whoever exchanged no block for a minute, not of who does', async () => {
    const { clock, model, node } = await world()
    const full = node('full')
    full.serve()
    const seats = Array.from({ length: MAX_PEERS_PER_MODEL }, (_, i) => strangerTo(full, `s${i}`))
    for (const [i, seat] of seats.entries()) seat.send(await hello(model, `s${i}`, 'full'))
    await pass(clock, 500)
    const [giver, taker] = [full.swarm.sessions.get('s0'), full.swarm.sessions.get('s1')]
    for (const [i, { received: [answer] }] of seats.entries()) {
      const [near, far] = MemoryChannel.pair(clock)
      full.reception.acceptData(far, `s${i}`)
      near.listen().send({ type: 'attach', token: answer?.type === 'hello' ? answer.token : EMPTY })
    }
    const come = async (id: string): Promise<MemoryChannel> => {
      const newcomer = strangerTo(full, id)
      newcomer.send(await hello(model, id, 'full', { features: Feature.wantsPeers }))
      await pass(clock, 100)
      return newcomer
    }
    expect(byesOf(await come('early'))).toEqual([ByeReason.full])
    await pass(clock, IDLE_NEIGHBOUR_MS / 2)
    if (giver !== undefined) giver.exchange.gaveAt = clock.now()
    taker?.sendBlock({ index: 1 }, Uint8Array.of(1))
    seats[1]?.send({ type: 'holdings', blocks: model.manifest.blockCount, all: false, bits: EMPTY, unwanted: EMPTY })
    seats[1]?.send({ type: 'have', indexes: [1] })
    // What was not sent is no receipt.
    seats[2]?.send({ type: 'holdings', blocks: model.manifest.blockCount, all: false, bits: EMPTY, unwanted: EMPTY })
    seats[2]?.send({ type: 'have', indexes: [1] })
    await pass(clock, 20_000)
    for (const seat of seats) seat.send({ type: 'alive', answer: true })
    await pass(clock, 10_000)
    expect(byesOf(await come('late'))).toEqual([])
    expect([full.swarm.sessions.size, full.swarm.sessions.has('late')]).toEqual([MAX_PEERS_PER_MODEL, true])
    expect([giver, taker].map(one => one?.isEnded)).toEqual([false, false])
    expect(seats.flatMap((seat, i) => byesOf(seat).map(reason => [i, reason]))).toEqual([[2, ByeReason.full]])
    expect(full.refusals).toEqual([])
  })

  it('sends a newcomer on when it has enough peers, unless the newcomer is short of them', async () => {
    const { clock, model, node } = await world()
    const content = node('content')
    content.serve()
    content.hasEnough = true
    content.records = [Uint8Array.of(1, 2, 3)]
    const [plenty, short] = [strangerTo(content, 'plenty'), strangerTo(content, 'short')]
    plenty.send(await hello(model, 'plenty', 'content'))
    short.send(await hello(model, 'short', 'content', { features: Feature.wantsPeers }))
    await pass(clock, 100)
    expect([typesOf(plenty), byesOf(plenty)]).toEqual([['hello', 'peers', 'bye'], [ByeReason.full]])
    expect(byesOf(short)).toEqual([])
    expect([...content.swarm.sessions.keys()]).toEqual(['short'])
    // One that has a session, and opens another for it, takes no room.
    const again = strangerTo(content, 'short')
    again.send(await hello(model, 'short', 'content'))
    await pass(clock, 100)
    expect(byesOf(again)).toEqual([])
    expect([...content.swarm.sessions.keys()]).toEqual(['short'])
  })
})
