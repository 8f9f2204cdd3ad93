// What peers say they hold while the tree is not known: bits, and not too many of them.
import { describe, expect, it, vi } from 'vitest'
import { UNREAD_HOLDINGS_BYTES } from '../../src/defaults.ts'
import { PeerState } from '../../src/swarm/peer-state.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { ByeReason } from '../../src/wire/protocol.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { MemoryNode, memoryModel } from './memory-node.ts'
import { Puppet, learnNames } from './puppet.ts'
import type { HoldingsMessage } from '../../src/wire/messages.ts'

vi.mock('../../src/swarm/proof.ts', async () => await import('./instant-proof.ts'))

const EMPTY = new Uint8Array(0)
const MOST = WIRE_LIMITS.blocks / 8

const holdings = (blocks: number, own: Partial<HoldingsMessage> = {}): HoldingsMessage =>
  ({ type: 'holdings', blocks, all: false, bits: EMPTY, unwanted: EMPTY, ...own })

/** A node that waits for its tree, which nobody gives. */
async function waiting (): Promise<MemoryNode> {
  const node = new MemoryNode('node', new VirtualClock(), await memoryModel())
  node.swarm.treeFetch.fetch([node.model.manifest.root]).catch(() => {})
  return node
}

describe('what a peer announces before the tree is known', () => {
  it('is read with its holdings, and takes no more memory than they do', () => {
    const their = new PeerState()
    their.onEarlyHave([3, 3])
    their.onHoldings(holdings(16, { bits: Uint8Array.of(2, 0) }))
    for (let i = 0; i < 100_000; i++) their.onEarlyHave([i % 8])
    expect(their.unreadBytes).toBe(2)
    their.readHoldings(16)
    expect([[...their.holdings?.indexes() ?? []], their.unreadBytes]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7], 0])
    expect(() => { their.onHoldings(holdings(16)) }).toThrow('twice')
  })

  it('takes none of a peer that holds all', () => {
    const their = new PeerState()
    their.onHoldings(holdings(WIRE_LIMITS.blocks, { all: true }))
    their.onEarlyHave([WIRE_LIMITS.blocks - 1])
    expect(their.unreadBytes).toBe(0)
  })

  it.each<[string, (puppet: Puppet) => void]>([
    ['a block past the last that it spoke of', puppet => {
      puppet.say(holdings(16))
      puppet.say({ type: 'have', indexes: [16] })
    }],
    ['a block past the last, told before', puppet => {
      puppet.say({ type: 'have', indexes: [16] })
      puppet.say(holdings(16))
    }],
    ['a bitfield of another length', puppet => { puppet.say(holdings(17, { bits: new Uint8Array(2) })) }],
    ['more than a few blocks without saying what it holds', puppet => {
      for (let i = 0; i <= WIRE_LIMITS.earlyIndexes; i++) puppet.say({ type: 'have', indexes: [0] })
    }]
  ])('ends the session when it is %s', async (_, act) => {
    const puppet = await Puppet.meet(await waiting())
    act(puppet)
    await puppet.wait(100)
    expect(puppet.byes).toEqual([ByeReason.protocolError])
    expect(puppet.node.refusals).toEqual([['puppet', 'ERR_PROTOCOL']])
  })

  it('is bounded for all peers: who says most goes, and an honest one stays and gives the model', async () => {
    const node = new MemoryNode('node', new VirtualClock(), await memoryModel())
    await learnNames(node)
    const honest = await Puppet.meet(node, { id: 'honest' })
    honest.hold([1, 2])
    const run = node.pull()
    const attackers = UNREAD_HOLDINGS_BYTES / MOST / 2 + 3
    for (let i = 0; i < attackers; i++) {
      const puppet = await Puppet.meet(node, { id: `attacker${i}`, tree: false })
      puppet.say(holdings(WIRE_LIMITS.blocks, { bits: new Uint8Array(MOST), unwanted: new Uint8Array(MOST) }))
      await puppet.wait(50)
    }
    const kept = [...node.swarm.sessions.values()].reduce((sum, { their }) => sum + their.unreadBytes, 0)
    expect(kept).toBeGreaterThan(UNREAD_HOLDINGS_BYTES / 2)
    expect(kept).toBeLessThanOrEqual(UNREAD_HOLDINGS_BYTES)
    expect(node.refusals.map(([id, code]) => [id.startsWith('attacker'), code]))
      .toEqual(Array.from({ length: 4 }, () => [true, 'ERR_FLOOD']))
    // Those who stay are asked for the tree first, in vain.
    for (let i = 0; i < 3; i++) {
      await honest.wait(11_000)
      await honest.giveTree()
    }
    expect([...honest.session.their.holdings?.indexes() ?? []]).toEqual([1, 2])
    expect(run.fatal).toBeUndefined()
  })
})
