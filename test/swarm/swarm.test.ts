import { describe, expect, it, vi } from 'vitest'
import { isModelswarmError, ModelswarmError } from '../../src/errors.ts'
import { COMING_LOOK_MS, COMING_PEERS, COMING_WAIT_MS, SILENT_SOURCE_MS } from '../../src/defaults.ts'
import { Bitfield } from '../../src/model/bitfield.ts'
import { BlockStates } from '../../src/schedule/block-states.ts'
import { Scheduler } from '../../src/schedule/scheduler.ts'
import { Downloader } from '../../src/swarm/downloader.ts'
import { ByeReason, Mode, RejectReason } from '../../src/wire/protocol.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { dial, fullMesh, memoryModel, MemoryNode, pass, until } from './memory-node.ts'
import { learnNames, Puppet } from './puppet.ts'
import type { Dialled, MemoryModel, PullRun } from './memory-node.ts'
import type { Message } from '../../src/wire/messages.ts'

vi.mock('../../src/swarm/proof.ts', async () => await import('./instant-proof.ts'))

interface World {
  clock: VirtualClock
  model: MemoryModel
  node: (id: string) => MemoryNode
}

async function world (blocks = 16): Promise<World> {
  const clock = new VirtualClock()
  const model = await memoryModel(blocks)
  return { clock, model, node: id => new MemoryNode(id, clock, model) }
}

function expectWhole (run: PullRun, model: MemoryModel): void {
  expect(run.fatal).toBeUndefined()
  expect(run.held.size).toBe(model.manifest.blockCount)
  for (const [block, bytes] of run.held) {
    expect(Buffer.compare(bytes, model.store.bytes(model.manifest.cid(block)))).toBe(0)
  }
}

/** A node that pulls, and a puppet that holds the tree and has given it. */
async function pulling (own: { mode?: number, blocks?: number } = {}): Promise<{
  puppet: Puppet, run: PullRun, node: MemoryNode
}> {
  const { model, node: make } = await world(own.blocks)
  const node = make('node')
  await learnNames(node)
  const run = node.pull()
  const puppet = await Puppet.meet(node, own.mode === undefined ? {} : { mode: own.mode })
  await puppet.giveTree()
  expect(node.swarm.manifest?.blockCount).toBe(model.manifest.blockCount)
  return { puppet, run, node }
}

const requested = (puppet: Puppet): number[] => puppet.of('request').flatMap(message => [...message.indexes])

/** Blocks that an opener's data stream brought. */
function blocksTo (dialled: Dialled): number[] {
  return (dialled.data?.received ?? []).flatMap(message =>
    message.type === 'block' && message.cid === undefined ? [message.index] : [])
}

describe('a swarm', () => {
  it('moves a model from a seeder to a puller, tree and all, each byte once', async () => {
    const { clock, model, node } = await world()
    const [seeder, puller] = [node('seeder').serve(), node('puller')]
    const run = puller.pull()
    dial(puller, seeder)
    await until(clock, () => run.isDone)
    expectWhole(run, model)
    expect(seeder.swarm.sentBytes).toBe(puller.swarm.receivedBytes)
    expect(seeder.swarm.sentBytes - model.bytes).toBeLessThan(2048)
  })

  it('moves a model from a publisher that chooses', async () => {
    const { clock, model, node } = await world(40)
    const [publisher, puller] = [node('publisher').serve({ open: 'never' }), node('puller')]
    const run = puller.pull()
    const dialled = dial(puller, publisher)
    await until(clock, () => run.isDone)
    expectWhole(run, model)
    const blocks = blocksTo(dialled)
    expect(new Set(blocks).size).toBe(blocks.length)
    expect(puller.swarm.sessions.get('publisher')?.their.mode).toBe(Mode.choosing)
    await pass(clock, 1000)
    expect(run.scheduler.outstandingBytes).toBe(0)
  })

  it('serves a flash crowd of eight with about one copy, each block given once', async () => {
    const { clock, model, node } = await world(64)
    const publisher = node('publisher').serve({ open: 'spare' })
    const pullers = Array.from({ length: 8 }, (_, i) => node(`puller-${i}`))
    const runs = pullers.map(puller => puller.pull())
    const dials = pullers.map(puller => dial(puller, publisher))
    fullMesh(pullers)
    await until(clock, () => runs.every(run => run.isDone))
    for (const run of runs) expectWhole(run, model)
    const trees = 8 * 3 * 4096
    expect(publisher.swarm.sentBytes).toBeLessThan(model.bytes * 1.05 + trees)
    const given = dials.flatMap(blocksTo)
    expect(new Set(given).size).toBe(64)
    expect(given.length).toBeLessThanOrEqual(67)
  })

  it('is told what a partial pull does not want, and sends none of it', async () => {
    const { clock, model, node } = await world()
    const [publisher, puller] = [node('publisher').serve({ open: 'never' }), node('puller')]
    const run = puller.pull(path => path === 'b.bin')
    const dialled = dial(puller, publisher)
    await until(clock, () => run.isDone)
    await pass(clock, 1000)
    expect([...run.held.keys()].sort((a, b) => a - b)).toEqual([8, 9, 10, 11, 12, 13, 14, 15])
    expect(blocksTo(dialled).sort((a, b) => a - b)).toEqual([...run.held.keys()].sort((a, b) => a - b))
    expect(publisher.swarm.sessions.get('puller')?.their.unwanted?.count).toBe(model.manifest.blockCount / 2)
    expect(publisher.swarm.hasLackingPeer).toBe(false)
  })

  it('finishes from others when the publisher leaves', async () => {
    const { clock, model, node } = await world(64)
    const publisher = node('publisher').serve({ open: 'spare' })
    const pullers = ['p', 'q'].map(node)
    const runs = pullers.map(puller => puller.pull())
    for (const puller of pullers) dial(puller, publisher)
    fullMesh(pullers)
    await until(clock, () => runs.some(run => run.held.size >= 8))
    await publisher.swarm.stop()
    await pass(clock, 5000)
    expect(runs.map(run => run.isDone)).toEqual([false, false])
    const seeder = node('seeder').serve()
    for (const puller of pullers) dial(puller, seeder)
    await until(clock, () => runs.every(run => run.isDone))
    for (const run of runs) expectWhole(run, model)
  })

  it('goes on with a new session when the connection is lost in the middle', async () => {
    const { clock, model, node } = await world(64)
    const [publisher, puller] = [node('publisher').serve({ open: 'spare' }), node('puller')]
    const run = puller.pull()
    const dialled = dial(puller, publisher)
    await until(clock, () => run.held.size > 4)
    dialled.data?.abort(new Error('connection lost'))
    await pass(clock, 100)
    expect([puller.swarm.sessions.size, publisher.swarm.sessions.size]).toEqual([0, 0])
    expect(run.scheduler.outstandingBytes).toBe(0)
    dial(puller, publisher)
    await until(clock, () => run.isDone)
    expectWhole(run, model)
  })

  it('drops a peer whose blocks are wrong, blames it, and gets them elsewhere', async () => {
    const { clock, model, node } = await world()
    const liar = node('liar').serve({ spoil: (block, bytes) => block % 3 === 0 ? bytes.fill(0) : bytes })
    const [honest, puller] = [node('seeder').serve(), node('puller')]
    const run = puller.pull()
    dial(puller, liar)
    await until(clock, () => puller.ends.length > 0)
    expect(isModelswarmError(puller.ends[0], 'ERR_BAD_BLOCK')).toBe(true)
    dial(puller, honest)
    await until(clock, () => run.isDone)
    expectWhole(run, model)
    expect(liar.ends[0]?.message).toMatch('our blocks were wrong')
  })

  it('blames who has left before its bytes were found wrong, once, and not twice who was dropped for others', async () => {
    const wrong = new ModelswarmError('ERR_BAD_BLOCK', 'Other bytes')
    for (const leavesFirst of [true, false]) {
      const { node } = await world()
      const puller = node('node')
      puller.pull()
      const puppet = await Puppet.meet(puller)
      const { session } = puppet
      if (leavesFirst) {
        puppet.control.abort(new Error('gone'))
        await puppet.wait(50)
        expect([puppet.isOver, puller.refusals]).toEqual([true, []])
      }
      puller.swarm.onBadBlock(session, wrong)
      expect(puller.refusals).toEqual([['puppet', 'ERR_BAD_BLOCK']])
      const forMs = puller.reputation.refusedForMs('puppet')
      puller.swarm.onBadBlock(session, wrong)
      expect(puller.reputation.refusedForMs('puppet')).toBe(forMs)
    }
  })

  it('drops a peer whose tree nodes are wrong, and fetches them elsewhere', async () => {
    const { clock, model, node } = await world()
    const puller = node('node')
    const run = puller.pull()
    const puppet = await Puppet.meet(puller)
    const [cid = new Uint8Array(0)] = puppet.of('request').flatMap(message => [...message.cids])
    puppet.data.send({ type: 'block', index: 0, cid, payloadBytes: 2, encoding: 0 }, Uint8Array.of(1, 2))
    await pass(clock, 100)
    expect([puppet.isOver, puppet.byes]).toEqual([true, [ByeReason.badBlocks]])
    dial(puller, node('seeder').serve())
    await until(clock, () => run.isDone)
    expectWhole(run, model)
  })

  it('asks another peer for a tree node that one has not, and the same one again when there is no other', async () => {
    const { clock, node } = await world()
    const puller = node('node')
    puller.pull()
    const puppet = await Puppet.meet(puller)
    const [cid = new Uint8Array(0)] = puppet.of('request').flatMap(message => [...message.cids])
    puppet.say({ type: 'reject', indexes: [], cids: [cid], reason: RejectReason.notHeld, retryAfterMs: 0 })
    await pass(clock, 500)
    expect(puppet.of('request')).toHaveLength(1)
    const other = await Puppet.meet(puller, { id: 'other' })
    expect(other.of('request').flatMap(message => [...message.cids])).toEqual([cid])
    other.say({ type: 'reject', indexes: [], cids: [cid], reason: RejectReason.notHeld, retryAfterMs: 0 })
    await pass(clock, 3000)
    expect(puppet.of('request').length + other.of('request').length).toBeGreaterThan(2)
  })

  it('asks nobody for the tree who does not have it', async () => {
    const { node } = await world()
    const puller = node('node')
    puller.pull()
    const puppet = await Puppet.meet(puller, { tree: false })
    expect(puppet.of('request')).toEqual([])
    puppet.hold('all')
    await puppet.wait(50)
    expect(puppet.of('request')).toHaveLength(1)
  })

  it('is fatal when the bytes fit the name but not the size in the tree, and blames no peer', async () => {
    const { puppet, run, node } = await pulling()
    puppet.hold('all')
    await puppet.wait(50)
    const [block = -1] = requested(puppet)
    // the bytes of a tree that lies: its manifest says another size than they have
    const { manifest } = node.swarm
    if (manifest === undefined) throw new Error('The tree is not here yet')
    vi.spyOn(manifest, 'sizeBytes').mockReturnValue(1)
    puppet.give(block)
    await puppet.wait(50)
    expect(isModelswarmError(run.fatal, 'ERR_BAD_TREE')).toBe(true)
  })

  it('drops a peer that sends a block shorter or longer than it is', async () => {
    for (const length of [0, 1, 65535, 65537]) {
      const { puppet } = await pulling()
      puppet.hold('all')
      await puppet.wait(50)
      puppet.give(requested(puppet)[0] ?? -1, { bytes: new Uint8Array(length) })
      await puppet.wait(50)
      expect([puppet.isOver, puppet.byes]).toEqual([true, [ByeReason.badBlocks]])
    }
  })

  it('ends with a peer that encodes a block as was not offered', async () => {
    const { puppet } = await pulling()
    puppet.hold('all')
    await puppet.wait(50)
    puppet.give(requested(puppet)[0] ?? -1, { encoding: 1 })
    await puppet.wait(50)
    expect(puppet.isOver).toBe(true)
  })

  it('writes no block that nobody asked for', async () => {
    const { puppet, run } = await pulling()
    puppet.hold([0])
    await puppet.wait(50)
    puppet.give(5)
    await puppet.wait(50)
    expect([run.held.has(5), puppet.isOver]).toEqual([false, false])
  })

  it('is not ended by a peer that sends a block and rejects it in one breath', async () => {
    const { puppet, run } = await pulling()
    puppet.hold('all')
    await puppet.wait(50)
    const [block = -1] = requested(puppet)
    puppet.give(block)
    puppet.say({ type: 'reject', indexes: [block], cids: [], reason: RejectReason.busy, retryAfterMs: 0 })
    await puppet.wait(500)
    puppet.give(block)
    await puppet.wait(100)
    expect([run.fatal, run.held.has(block)]).toEqual([undefined, true])
  })

  it('asks again after a reject, at the time given, and not at all for what is not held', async () => {
    const { puppet } = await pulling({ blocks: 2 })
    puppet.hold('all')
    await puppet.wait(50)
    expect(requested(puppet).sort()).toEqual([0, 1])
    puppet.say({ type: 'reject', indexes: [0], cids: [], reason: RejectReason.busy, retryAfterMs: 2000 })
    puppet.say({ type: 'reject', indexes: [1], cids: [], reason: RejectReason.notHeld, retryAfterMs: 0 })
    await puppet.wait(1900)
    expect(requested(puppet)).toHaveLength(2)
    await puppet.wait(300)
    expect(requested(puppet).slice(2)).toEqual([0])
    puppet.say({ type: 'have', indexes: [1] })
    await puppet.wait(50)
    expect(requested(puppet).slice(3)).toEqual([1])
  })

  it('gives what a silent peer was asked to another', async () => {
    const { puppet: silent, node, run } = await pulling()
    silent.hold('all')
    await silent.wait(50)
    expect(requested(silent).length).toBeGreaterThan(0)
    dial(node, new MemoryNode('seeder', node.clock, node.model).serve())
    await until(node.clock, () => run.isDone)
    expect(node.clock.now()).toBeLessThan(SILENT_SOURCE_MS + 2000)
    expect(silent.of('cancel').length).toBeGreaterThan(0)
  })

  it('tells its peers of a block only when it is written, together with the others of that moment', async () => {
    const { puppet, run } = await pulling()
    const witness = await Puppet.meet(puppet.node, { id: 'witness' })
    puppet.hold('all')
    await puppet.wait(50)
    const asked = requested(puppet).slice(0, 2)
    for (const block of asked) puppet.give(block)
    await puppet.wait(50)
    expect([...run.held.keys()].sort()).toEqual([...asked].sort())
    expect(witness.of('have').map(message => [...message.indexes].sort())).toEqual([[...asked].sort()])
  })
})

describe('a block that is coming', () => {
  const comingTo = (puppet: Puppet): number[] => puppet.of('have').flatMap(({ coming = [] }) => [...coming])
  const ask = (block: number): Message => ({ type: 'request', indexes: [block], cids: [] })
  const refusedTo = (puppet: Puppet): Array<[readonly number[], number]> =>
    puppet.of('reject').map(({ indexes, reason }) => [indexes, reason])

  /** So many peers that have nothing. */
  async function lacking (node: MemoryNode, count: number): Promise<Puppet[]> {
    const peers = await Promise.all(Array.from({ length: count }, async (_, i) => {
      return await Puppet.meet(node, { id: `lacking ${i}` })
    }))
    for (const peer of peers) peer.hold([])
    return peers
  }

  /** A node to which the header of a block has come from `puppet`, and one of the peers that have nothing. */
  async function receiving (): Promise<{
    puppet: Puppet, other: Puppet, run: PullRun, block: number, finish: (payload?: Uint8Array) => void
  }> {
    const { puppet, run, node } = await pulling()
    const [other] = await lacking(node, COMING_PEERS)
    if (other === undefined) throw new Error('Nobody came')
    puppet.hold('all')
    await puppet.wait(50)
    const [block = -1] = requested(puppet)
    const finish = puppet.begin(block)
    await puppet.wait(100)
    return { puppet, other, run, block, finish }
  }

  it('is told of to all but who sends it, and given to who asks as soon as it is held', async () => {
    const { puppet, other, run, block, finish } = await receiving()
    expect(comingTo(other)).toEqual([block])
    expect(comingTo(puppet)).toEqual([])
    expect(other.of('have').flatMap(({ indexes }) => [...indexes])).toEqual([])
    other.say(ask(block))
    await other.wait(50)
    expect([other.blocks.size, refusedTo(other)]).toEqual([0, []])
    finish()
    await other.wait(20)
    expect(other.blocks.get(block)).toEqual(run.held.get(block))
    expect(run.held.has(block)).toBe(true)
    await other.wait(100)
    expect(other.of('have').flatMap(({ indexes }) => [...indexes])).toEqual([block])
  })

  it('is not told of when it is here before anything is told, nor to who holds it', async () => {
    const { puppet, run, node } = await pulling()
    const holder = await Puppet.meet(node, { id: 'holder' })
    const [witness] = await lacking(node, COMING_PEERS)
    puppet.hold('all')
    await puppet.wait(50)
    const [first = -1, second = -1] = requested(puppet)
    holder.hold([second])
    puppet.give(first)
    puppet.begin(second)
    await puppet.wait(100)
    expect(run.held.has(first)).toBe(true)
    expect(witness === undefined ? [] : comingTo(witness)).toEqual([second])
    expect(comingTo(holder)).toEqual([])
  })

  it('is not told of where few lack it', async () => {
    const { puppet, node } = await pulling()
    const [witness] = await lacking(node, COMING_PEERS - 1)
    puppet.hold('all')
    await puppet.wait(50)
    puppet.begin(requested(puppet)[0] ?? -1)
    await puppet.wait(100)
    expect(witness === undefined ? [-1] : comingTo(witness)).toEqual([])
  })

  it('is rejected as not held when its source leaves', async () => {
    const { puppet, other, block } = await receiving()
    other.say(ask(block))
    await other.wait(50)
    puppet.control.abort(new Error('gone'))
    await other.wait(50)
    expect(refusedTo(other)).toEqual([[[block], RejectReason.notHeld]])
    expect(other.blocks.size).toBe(0)
  })

  it('is rejected in time for its asker when it takes long, and told of when it is there', async () => {
    const { other, run, block, finish } = await receiving()
    other.say(ask(block))
    await other.wait(COMING_WAIT_MS - 100)
    expect(refusedTo(other)).toEqual([])
    await other.wait(COMING_LOOK_MS + 200)
    expect(refusedTo(other)).toEqual([[[block], RejectReason.notHeld]])
    finish()
    await other.wait(200)
    expect([run.held.has(block), other.blocks.size]).toEqual([true, 0])
    expect(other.of('have').flatMap(({ indexes }) => [...indexes])).toEqual([block])
  })

  it('leaves what it says of queueing to the next Have of a block that is held', async () => {
    const { puppet, other, finish } = await receiving()
    finish()
    await puppet.wait(200)
    const haves = [...puppet.of('have'), ...other.of('have')]
    expect(haves.filter(({ indexes }) => indexes.length === 0).map(({ queuedMs }) => queuedMs))
      .toEqual(haves.filter(({ indexes }) => indexes.length === 0).map(() => undefined))
    expect(haves.some(({ indexes }) => indexes.length === 0)).toBe(true)
  })

  it('is not told of, nor waited for, at who only looks at a model', async () => {
    const { clock, model, node: make } = await world()
    const node = make('node')
    const unwanted = new Bitfield(model.manifest.blockCount)
    unwanted.fill()
    node.swarm.setContent(model.manifest, new Bitfield(model.manifest.blockCount), {
      read: async () => { throw new Error('Reads nothing') }, getNode: () => undefined
    }, { unwanted })
    const none = new Bitfield(model.manifest.blockCount)
    const states = new BlockStates(none, none, () => 65536)
    states.want(0)
    const scheduler = new Scheduler({ states, sizeOf: () => 65536, maxBlockBytes: 65536, random: () => 0 })
    const fails = (): void => { throw new Error('Not expected') }
    node.swarm.startPulling(new Downloader({
      scheduler,
      clock,
      keep: async () => {},
      sessionOf: id => node.swarm.sessions.get(id),
      onStored: () => {},
      onBadBlock: fails,
      onFatal: fails,
      onComplete: () => {}
    }))
    const puppet = await Puppet.meet(node)
    const [other] = await lacking(node, COMING_PEERS)
    puppet.hold('all')
    await puppet.wait(50)
    expect(requested(puppet)).toEqual([0])
    puppet.begin(0)
    await puppet.wait(100)
    other?.say(ask(0))
    await puppet.wait(50)
    expect(other?.of('have')).toEqual([])
    expect(other === undefined ? [] : refusedTo(other)).toEqual([[[0], RejectReason.notHeld]])
  })

  it('is not sent to who cancels meanwhile', async () => {
    const { other, run, block, finish } = await receiving()
    other.say(ask(block))
    other.say({ type: 'cancel', indexes: [block] })
    await other.wait(50)
    finish()
    await other.wait(200)
    expect(run.held.has(block)).toBe(true)
    expect([other.blocks.size, refusedTo(other)]).toEqual([0, []])
  })

  it('is rejected when its bytes are wrong, and nobody is given them', async () => {
    const { puppet, other, run, block, finish } = await receiving()
    other.say(ask(block))
    await other.wait(50)
    finish(new Uint8Array(64 * 1024))
    await other.wait(200)
    expect(puppet.isOver).toBe(true)
    expect(run.held.has(block)).toBe(false)
    expect(refusedTo(other)).toEqual([[[block], RejectReason.notHeld]])
    expect(other.blocks.size).toBe(0)
  })

  it('is rejected at once when it is only asked for, and not coming yet', async () => {
    const { puppet, node } = await pulling()
    const other = await Puppet.meet(node, { id: 'other' })
    other.hold([])
    puppet.hold('all')
    await puppet.wait(50)
    const [block = -1] = requested(puppet)
    other.say(ask(block))
    await other.wait(50)
    expect(refusedTo(other)).toEqual([[[block], RejectReason.notHeld]])
  })

  it('is asked for at who says so, counts as held by nobody, and is not asked again before it is held', async () => {
    const { puppet, node } = await pulling()
    puppet.hold([])
    puppet.say({ type: 'have', indexes: [], coming: [3] })
    await puppet.wait(50)
    expect(requested(puppet)).toEqual([3])
    expect(node.swarm.sessions.get(puppet.id)?.their.holdings?.count).toBe(0)
    puppet.say({ type: 'reject', indexes: [3], cids: [], reason: RejectReason.notHeld, retryAfterMs: 100 })
    await puppet.wait(2000)
    expect(requested(puppet)).toEqual([3])
    puppet.say({ type: 'have', indexes: [3] })
    await puppet.wait(50)
    expect(requested(puppet)).toEqual([3, 3])
  })
})
