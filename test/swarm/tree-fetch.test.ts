import { expect, it, vi } from 'vitest'
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
