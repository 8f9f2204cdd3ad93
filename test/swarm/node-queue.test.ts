import { encode, prepare } from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { LEAST_NODES_BELOW_BYTES } from '../../src/defaults.ts'
import { cidOfDigest, DAG_PB_CODEC } from '../../src/model/block-id.ts'
import { NodeQueue } from '../../src/swarm/node-queue.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { sha256 } from '../model/tree-fixtures.ts'

/** A tree by the names of its nodes; what a node links to comes after it. */
class Tree {
  readonly #nodes = new Map<string, { cid: CID, bytes: Uint8Array }>()
  readonly #names = new Map<string, string>()

  constructor (links: Record<string, string[]>, dataBytes = 100) {
    for (const [name, below] of Object.entries(links).reverse()) {
      const Links = below.map(Name => ({ Name, Tsize: 1, Hash: this.#node(Name).cid }))
      const bytes = encode(prepare({ Data: Buffer.from(name.padEnd(dataBytes)), Links }))
      const cid = cidOfDigest(sha256(bytes), DAG_PB_CODEC)
      this.#nodes.set(name, { cid, bytes })
      this.#names.set(cid.toString(), name)
    }
  }

  cids (...names: string[]): Uint8Array[] {
    return names.map(name => this.#node(name).cid.bytes)
  }

  /** What a node costs that is sent unasked. */
  cost (...names: string[]): number {
    return names.reduce((sum, name) => sum + this.#node(name).bytes.byteLength + WIRE_LIMITS.cidBytes, 0)
  }

  /** Sends what is queued, at most so many; their names. */
  send (queue: NodeQueue, most = Infinity): string[] {
    const sent: string[] = []
    while (sent.length < most) {
      const node = queue.next()
      if (node === undefined) break
      const name = this.#names.get(CID.decode(node.cid).toString()) ?? ''
      if (queue.take(node, this.#node(name).bytes)) sent.push(name)
    }
    return sent
  }

  #node (name: string): { cid: CID, bytes: Uint8Array } {
    const node = this.#nodes.get(name)
    if (node === undefined) throw new Error(`No node ${name}`)
    return node
  }
}

const MUCH = WIRE_LIMITS.nodesBelowBytes
const tree = new Tree({ root: ['a', 'bb'], a: ['ccc', 'dddd'], bb: ['dddd', 'eeeee'], ccc: [], dddd: [], eeeee: [] })

describe('node queue', () => {
  it('gives what was asked for, and nothing below it that was not allowed', () => {
    const queue = new NodeQueue()
    expect(queue.ask(tree.cids('root', 'eeeee'), 0)).toEqual([])
    expect(tree.send(queue)).toEqual(['root', 'eeeee'])
    expect(queue.isEmpty).toBe(true)
  })

  it('gives what is below, level by level, each node once', () => {
    const queue = new NodeQueue()
    queue.ask(tree.cids('root'), MUCH)
    expect(tree.send(queue)).toEqual(['root', 'a', 'bb', 'ccc', 'dddd', 'eeeee'])
  })

  it('gives no more bytes below than were allowed, by all requests together, and reads one in vain at most', () => {
    const large = new Tree({ root: ['a', 'bb', 'ccc'], a: ['dddd'], bb: [], ccc: [], dddd: [] }, 5000)
    const queue = new NodeQueue()
    queue.ask(large.cids('root'), large.cost('a', 'bb') - 1)
    expect(large.send(queue)).toEqual(['root', 'a'])
    expect(queue.isEmpty).toBe(true)
    queue.ask(large.cids('a'), 0)
    expect(queue.isEmpty).toBe(true)
    // What was asked for after all counts no more.
    queue.ask(large.cids('a'), 0)
    expect(large.send(queue)).toEqual(['a', 'dddd'])
    queue.ask(large.cids('root'), large.cost('bb', 'ccc') - large.cost('a', 'bb') + 1 + large.cost('dddd'))
    expect(large.send(queue)).toEqual(['root', 'bb', 'ccc'])
  })

  it('looks for nothing below with little left', () => {
    const queue = new NodeQueue()
    queue.ask(tree.cids('root'), LEAST_NODES_BELOW_BYTES - 1)
    expect(tree.send(queue)).toEqual(['root'])
    queue.ask(tree.cids('root'), 1)
    expect(tree.send(queue).length).toBeGreaterThan(1)
  })

  it('has a limit of its own for them', () => {
    const wide = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`n${'x'.repeat(i % 7)}${i}`, []]))
    const large = new Tree({ root: Object.keys(wide), ...wide })
    const queue = new NodeQueue()
    queue.ask(large.cids('root'), 2 ** 31)
    const sent = large.send(queue)
    expect(large.cost(...sent.slice(1))).toBeLessThanOrEqual(MUCH)
    expect(sent.length).toBe(WIRE_LIMITS.nodesBelow + 1)
  })

  it('takes a request for what went out meanwhile as answered, once', () => {
    const queue = new NodeQueue()
    queue.ask(tree.cids('root'), MUCH)
    tree.send(queue)
    queue.ask(tree.cids('a'), 0)
    expect(queue.isEmpty).toBe(true)
    queue.ask(tree.cids('a'), 0)
    expect(tree.send(queue)).toEqual(['a'])
  })

  it('gives first, and once, what is asked for while it waits unasked', () => {
    const queue = new NodeQueue()
    queue.ask(tree.cids('root'), MUCH)
    expect(tree.send(queue, 2)).toEqual(['root', 'a'])
    queue.ask(tree.cids('dddd', 'dddd'), 0)
    expect(tree.send(queue)).toEqual(['dddd', 'bb', 'ccc', 'eeeee'])
  })

  it('refuses what is too much', () => {
    const queue = new NodeQueue()
    const cids = Array.from({ length: WIRE_LIMITS.nodesQueued + 2 }, (_, i) => {
      return cidOfDigest(sha256(Uint8Array.of(i, i >> 8)), DAG_PB_CODEC).bytes
    })
    expect(queue.ask(cids, 0)).toEqual(cids.slice(-2))
  })
})
