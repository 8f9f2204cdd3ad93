import { expect, it, vi } from 'vitest'
import { ModelswarmError } from '../../src/errors.ts'
import { fetchTree } from '../../src/pull/tree.ts'
import { buildTree, hash } from '../model/tree-fixtures.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { MemoryNode } from '../swarm/memory-node.ts'
import { Puppet, learnNames } from '../swarm/puppet.ts'
import type { MemoryModel } from '../swarm/memory-node.ts'
import type { TreeNode } from '../../src/store/tree-nodes.ts'
import type { CID } from 'multiformats/cid'

vi.mock('../../src/swarm/proof.ts', async () => await import('../swarm/instant-proof.ts'))

/** A root with four folders: a batch of one node, then one of four. */
async function treeOfFive (): Promise<MemoryModel> {
  const folders = [0, 1, 2, 3].map(i => [`${i}/file`, Uint8Array.of(i)] as const)
  const { manifest, store } = await buildTree(Object.fromEntries(folders))
  return { manifest, store, bytes: manifest.totalBytes }
}

class Nodes {
  readonly kept = new Map<string, Uint8Array>()
  failure: Error | undefined

  hasNode (cid: CID): boolean {
    return this.kept.has(String(cid))
  }

  getNode (cid: CID): Uint8Array | undefined {
    return this.kept.get(String(cid))
  }

  async putNodes (nodes: Iterable<TreeNode> | AsyncIterable<TreeNode>): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    for await (const { cid, bytes } of nodes) this.kept.set(String(cid), bytes)
  }
}

/** A pull of the tree and the peer it asks. */
async function fetching (model: MemoryModel, nodes: Nodes) {
  const node = new MemoryNode('node', new VirtualClock(), model)
  await learnNames(node)
  const alive = vi.fn<() => void>()
  const parts = { store: { nodes }, hash, swarm: node.swarm, watch: { alive } }
  const tree = fetchTree(model.manifest.root, parts, undefined)
  const over = tree.then(() => 'complete', (err: unknown) => err)
  const puppet = await Puppet.meet(node)
  puppet.hold('all')
  await puppet.wait(50)
  const asked = (): Uint8Array[] => puppet.of('request').flatMap(({ cids }) => cids)
  return { node, alive, over, puppet, asked }
}

it('a tree comes node by node: each is life, and kept though the rest never comes', async () => {
  const [model, nodes] = [await treeOfFive(), new Nodes()]
  const first = await fetching(model, nodes)
  const { puppet, alive, asked } = first
  for (const i of [0, 1, 2]) {
    expect(alive).toHaveBeenCalledTimes(i)
    puppet.sendNode(asked()[i])
    await puppet.wait(50)
    expect(nodes.kept.size).toBe(i + 1)
  }
  await first.node.swarm.stop()
  expect(await first.over).toBeInstanceOf(ModelswarmError)
  const second = await fetching(model, nodes)
  expect(second.asked()).toHaveLength(2)
  await second.puppet.giveTree()
  expect(await second.over).toBe('complete')
  expect(nodes.kept.size).toBe(5)
})

it('a tree that cannot be stored is not waited for', async () => {
  const [model, nodes] = [await treeOfFive(), new Nodes()]
  const { puppet, asked, over } = await fetching(model, nodes)
  puppet.sendNode(asked()[0])
  await puppet.wait(50)
  nodes.failure = new Error('Disk of the test')
  puppet.sendNode(asked()[1])
  await puppet.wait(50)
  expect(await over).toBe(nodes.failure)
})
