import { CID } from 'multiformats/cid'
import { expect, it, vi } from 'vitest'
import { NODE_FIRST_MS } from '../../src/defaults.ts'
import { cidOfDigest, DAG_PB_CODEC } from '../../src/model/block-id.ts'
import { linkedNodes } from '../../src/model/linked-nodes.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { ByeReason } from '../../src/wire/protocol.ts'
import { sha256 } from '../model/tree-fixtures.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { dial, MemoryNode, memoryModel, pass } from './memory-node.ts'
import { Puppet, learnNames } from './puppet.ts'

vi.mock('../../src/swarm/proof.ts', async () => await import('./instant-proof.ts'))

it('a node that comes when another peer has given it already is held against nobody once', async () => {
  const model = await memoryModel()
  const node = new MemoryNode('node', new VirtualClock(), model)
  await learnNames(node)
  const tree = node.swarm.treeFetch.fetch([model.manifest.root])
  const slow = await Puppet.meet(node, { id: 'slow' })
  const quick = await Puppet.meet(node, { id: 'quick' })
  const [cid] = slow.of('request').flatMap(({ cids }) => cids)
  // So long that it is asked of the other one too.
  await slow.wait(12_000)
  await quick.giveTree()
  expect(await tree).toHaveLength(1)
  const flood = async (puppet: Puppet, nodes: number): Promise<boolean> => {
    for (let i = 0; i < nodes; i++) puppet.sendNode(cid)
    await puppet.wait(50)
    return puppet.isOver
  }
  // What both were allowed to send below it is used up first.
  const cost = model.store.bytes(model.manifest.root).byteLength + WIRE_LIMITS.cidBytes
  const mostOf = (puppet: Puppet): number => {
    const allowed = puppet.of('request').reduce((sum, { belowBytes = 0 }) => sum + belowBytes, 0)
    return Math.floor(allowed / cost) + WIRE_LIMITS.unaskedBlocks
  }
  expect(await flood(slow, mostOf(slow) + 1)).toBe(false)
  expect(await flood(slow, 1)).toBe(true)
  expect(await flood(quick, mostOf(quick))).toBe(false)
  expect(await flood(quick, 1)).toBe(true)
})

it('peers that say they have the tree and are silent do not keep it from us, however many came first', async () => {
  const model = await memoryModel()
  const node = new MemoryNode('node', new VirtualClock(), model)
  await learnNames(node)
  const tree = node.swarm.treeFetch.fetch([model.manifest.root])
  for (let i = 0; i < 12; i++) await Puppet.meet(node, { id: `silent ${i}` })
  const honest = await Puppet.meet(node, { id: 'honest' })
  await honest.wait(5 * NODE_FIRST_MS)
  expect(honest.of('request')).not.toEqual([])
  await honest.giveTree()
  expect(await tree).toHaveLength(1)
  // Who has given something is asked first from then on.
  const more = node.swarm.treeFetch.fetch([model.manifest.root])
  await honest.wait(50)
  expect(honest.of('request')).toHaveLength(2)
  await honest.giveTree()
  expect(await more).toHaveLength(1)
})

it('a whole tree comes for one request of who can send what is below', async () => {
  const model = await memoryModel()
  const clock = new VirtualClock()
  const publisher = new MemoryNode('publisher', clock, model).serve({ open: 'spare' })
  const node = new MemoryNode('node', clock, model)
  const pull = node.pull()
  const { control } = dial(node, publisher)
  const requests: string[] = []
  const send = control.send.bind(control)
  control.send = (message, payload) => {
    if (message.type === 'request') requests.push(...message.cids.map(cid => CID.decode(cid).toString()))
    return send(message, payload)
  }
  await pass(clock, 5000)
  expect(pull.isDone).toBe(true)
  expect(requests).toEqual([model.manifest.root.toString()])
})

it('a node that came with the one above it and is not what its name says is held against who sent it', async () => {
  const model = await memoryModel()
  const node = new MemoryNode('node', new VirtualClock(), model)
  await learnNames(node)
  const pull = node.pull()
  const liar = await Puppet.meet(node, { id: 'liar' })
  const [root] = liar.of('request').flatMap(({ cids }) => cids)
  const [file] = linkedNodes(model.store.bytes(model.manifest.root))
  liar.data.send({ type: 'block', index: 0, cid: file, payloadBytes: 100, encoding: 0 }, new Uint8Array(100))
  await liar.wait(50)
  expect(liar.byes).toEqual([ByeReason.badBlocks])
  const honest = await Puppet.meet(node, { id: 'honest' })
  expect(honest.of('request').flatMap(({ cids }) => cids)).toEqual([root])
  await honest.giveTree()
  expect(pull.scheduler).toBeDefined()
})

it('nodes beyond what was allowed are held against who sends them', async () => {
  const model = await memoryModel()
  const node = new MemoryNode('node', new VirtualClock(), model)
  node.pull()
  const flood = await Puppet.meet(node, { id: 'flood' })
  const [request] = flood.of('request')
  const allowed = Math.floor((request?.belowBytes ?? 0) / (3 + WIRE_LIMITS.cidBytes))
  const send = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      const payload = Uint8Array.of(i, i >> 8, i >> 16)
      const cid = cidOfDigest(sha256(payload), DAG_PB_CODEC).bytes
      flood.data.send({ type: 'block', index: 0, cid, payloadBytes: 3, encoding: 0 }, payload)
    }
  }
  send(0, allowed + WIRE_LIMITS.unaskedBlocks)
  await flood.wait(50)
  expect(flood.isOver).toBe(false)
  send(allowed + WIRE_LIMITS.unaskedBlocks, allowed + WIRE_LIMITS.unaskedBlocks + 1)
  await flood.wait(50)
  expect(flood.isOver).toBe(true)
})
