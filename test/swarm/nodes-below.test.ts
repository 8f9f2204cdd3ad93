import { describe, expect, it, vi } from 'vitest'
import { MOST_NODES_BELOW_BYTES } from '../../src/defaults.ts'
import { NodesBelow } from '../../src/swarm/nodes-below.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { MemoryNode, memoryModel } from './memory-node.ts'
import { Puppet } from './puppet.ts'

vi.mock('../../src/swarm/proof.ts', async () => await import('./instant-proof.ts'))

const COST = WIRE_LIMITS.cidBytes

describe('nodes that come before they are asked for', () => {
  it('are as many bytes as a peer was allowed, names counted, and no more', () => {
    const below = new NodesBelow()
    expect(below.onStart('peer', 'node', 0)).toBe(false)
    expect(below.allow('peer')).toBe(WIRE_LIMITS.nodesBelowBytes)
    expect(below.allow('peer')).toBe(0)
    expect(below.onStart('peer', 'large', WIRE_LIMITS.nodesBelowBytes)).toBe(false)
    const most = WIRE_LIMITS.nodesBelowBytes / COST
    for (let i = 0; i < most; i++) expect(below.onStart('peer', `empty ${i}`, 0)).toBe(true)
    expect(below.onStart('peer', 'one more', 0)).toBe(false)
    expect(below.mayCome('peer')).toBe(false)
    expect(below.allow('peer')).toBe(WIRE_LIMITS.nodesBelowBytes)
    expect(below.mayCome('other')).toBe(false)
  })

  it('are bounded over all peers, kept ones counted', async () => {
    const node = new MemoryNode('node', new VirtualClock(), await memoryModel())
    const { session } = await Puppet.meet(node)
    const below = new NodesBelow()
    let allowed = 0
    for (let i = 0; i < 200; i++) allowed += below.allow(`peer ${i}`)
    expect(allowed).toBe(MOST_NODES_BELOW_BYTES)
    for (let i = 0; i < 200; i++) below.leave(`peer ${i}`)
    below.allow(session.peerId)
    const bytes = new Uint8Array(100_000)
    for (const key of ['a', 'b']) {
      below.onStart(session.peerId, key, bytes.byteLength)
      below.onArrived(session, key, { bytes, isWanted: false })
    }
    below.leave(session.peerId)
    allowed = 0
    for (let i = 0; i < 200; i++) allowed += below.allow(`peer ${i}`)
    expect(allowed).toBe(MOST_NODES_BELOW_BYTES - 200_000)
    expect(below.take('a')?.bytes).toBe(bytes)
    expect(below.take('a')).toBe(undefined)
    expect(below.allow('late')).toBe(100_000)
  })

  it('are nobody\'s to ask for while they come, and kept until they are', async () => {
    const node = new MemoryNode('node', new VirtualClock(), await memoryModel())
    const { session } = await Puppet.meet(node)
    const below = new NodesBelow()
    below.allow(session.peerId)
    below.onStart(session.peerId, 'node', 10)
    expect(below.senderOf('node')).toBe(session.peerId)
    expect(below.take('node')).toBe(undefined)
    // From somebody else it was not allowed.
    const bytes = new Uint8Array(10)
    below.onArrived(session, 'other', { bytes, isWanted: false })
    expect(below.take('other')).toBe(undefined)
    below.onArrived(session, 'node', { bytes, isWanted: false })
    expect(below.senderOf('node')).toBe(undefined)
    expect(below.take('node')).toEqual({ session, bytes })
  })

  it('are dropped, but allowed, once the tree is complete', async () => {
    const node = new MemoryNode('node', new VirtualClock(), await memoryModel())
    const { session } = await Puppet.meet(node)
    const below = new NodesBelow()
    below.allow(session.peerId)
    below.end()
    expect(below.onStart(session.peerId, 'node', 10)).toBe(true)
    below.onArrived(session, 'node', { bytes: new Uint8Array(10), isWanted: false })
    expect(below.take('node')).toBe(undefined)
    expect(below.allow(session.peerId)).toBe(0)
  })
})
