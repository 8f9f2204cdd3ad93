import { expect, it, vi } from 'vitest'
import { NODE_FIRST_MS } from '../../src/defaults.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { MemoryNode, memoryModel } from './memory-node.ts'
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
  expect(await flood(slow, WIRE_LIMITS.unaskedBlocks + 1)).toBe(false)
  expect(await flood(slow, 1)).toBe(true)
  expect(await flood(quick, WIRE_LIMITS.unaskedBlocks)).toBe(false)
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
