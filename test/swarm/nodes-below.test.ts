import { encode, prepare } from '@ipld/dag-pb'
import { describe, expect, it } from 'vitest'
import { MOST_EXPECTED_NODES, MOST_NODES_BELOW_BYTES } from '../../src/defaults.ts'
import { cidOfDigest, DAG_PB_CODEC } from '../../src/model/block-id.ts'
import { nodeKey } from '../../src/swarm/node-key.ts'
import { NodesBelow } from '../../src/swarm/nodes-below.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { sha256 } from '../model/tree-fixtures.ts'

const COST = WIRE_LIMITS.cidBytes
const MOST = WIRE_LIMITS.nodesBelowBytes

function allowAll (below: NodesBelow, peers: number): number {
  let allowed = 0
  for (let i = 0; i < peers; i++) allowed += below.allow(`peer ${i}`, 1)
  return allowed
}

/** A node of links to others, and their keys. */
function folder (names: number): { bytes: Uint8Array, keys: string[] } {
  const cids = Array.from({ length: names }, (_, i) => cidOfDigest(sha256(Uint8Array.of(i, i >> 8)), DAG_PB_CODEC))
  const Links = cids.map(Hash => ({ Hash, Name: '', Tsize: 1 }))
  return { bytes: encode(prepare({ Links })), keys: cids.map(cid => nodeKey(cid.bytes)) }
}

describe('nodes that come before they are asked for', () => {
  it('are as many bytes as a peer was allowed, names counted, and no more', () => {
    const below = new NodesBelow()
    expect(below.onStart('peer', 'node', 0)).toBe(false)
    expect(below.allow('peer', 1)).toBe(MOST)
    expect(below.allow('peer', 1)).toBe(0)
    expect(below.onStart('peer', 'large', MOST)).toBe(false)
    for (let i = 0; i < MOST / COST; i++) expect(below.onStart('peer', `empty ${i}`, 0)).toBe(true)
    expect(below.onStart('peer', 'one more', 0)).toBe(false)
    expect(below.allow('peer', 1)).toBe(MOST)
  })

  it('are not wanted where several peers have the tree, which share in it', () => {
    const below = new NodesBelow()
    expect(below.allow('a', 2)).toBe(0)
    expect(below.allow('a', 1)).toBe(MOST)
  })

  it('are bounded for each peer and all together, with what is kept of them', () => {
    const below = new NodesBelow()
    expect(allowAll(below, 200)).toBe(MOST_NODES_BELOW_BYTES)
    for (let i = 0; i < 200; i++) below.leave(`peer ${i}`)
    for (const [i, bytes] of [100_000, 0, 100_000].entries()) below.keep('peer', `${i}`, new Uint8Array(bytes))
    const kept = 200_000 + 3 * COST
    expect(below.allow('peer', 1)).toBe(MOST - kept)
    below.leave('peer')
    expect(allowAll(below, 200)).toBe(MOST_NODES_BELOW_BYTES - kept)
    expect(below.take('0')?.bytes.byteLength).toBe(100_000)
    expect(below.take('0')).toBe(undefined)
    expect(below.allow('late', 1)).toBe(100_000 + COST)
  })

  it('are coming until they are verified, or whoever sends them has left', () => {
    const below = new NodesBelow()
    for (const peer of ['a', 'b']) below.allow(peer, 1)
    for (const key of ['1', '2']) below.onStart('a', key, 10)
    expect([below.senderOf('1'), below.isComing('a', '1'), below.isComing('b', '1')]).toEqual(['a', true, false])
    below.onEnd('b', '1')
    expect(below.senderOf('1')).toBe('a')
    below.onEnd('a', '1')
    expect(below.senderOf('1')).toBe(undefined)
    below.leave('a')
    expect(below.senderOf('2')).toBe(undefined)
  })

  it('are expected of whoever gave the node above, once, while it may send more', () => {
    const below = new NodesBelow()
    const { bytes, keys: [first = '', second = '', third = ''] } = folder(3)
    below.onGiven('a', bytes)
    expect(below.likelySenderOf(first)).toBe(undefined)
    below.allow('a', 1)
    below.onGiven('a', bytes)
    expect([below.likelySenderOf(first), below.likelySenderOf(first)]).toEqual(['a', undefined])
    below.onGiven('b', bytes)
    expect(below.likelySenderOf(second)).toBe('a')
    below.leave('a')
    expect(below.likelySenderOf(third)).toBe(undefined)
    const many = folder(MOST_EXPECTED_NODES + 1)
    below.allow('a', 1)
    below.onGiven('a', many.bytes)
    expect(below.likelySenderOf(many.keys[0] ?? '')).toBe(undefined)
    expect(below.likelySenderOf(many.keys[1] ?? '')).toBe('a')
  })

  it('are dropped, but allowed, once the tree is complete', () => {
    const below = new NodesBelow()
    below.allow('peer', 1)
    below.end()
    expect(below.onStart('peer', 'node', 10)).toBe(true)
    expect(below.isComing('peer', 'node')).toBe(false)
    below.keep('peer', 'node', new Uint8Array(10))
    expect(below.take('node')).toBe(undefined)
    expect(below.allow('peer', 1)).toBe(0)
  })
})
