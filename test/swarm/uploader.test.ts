import { describe, expect, it, vi } from 'vitest'
import { FIRST_UPLOAD_WINDOW_BYTES, RECEIPT_MS, REREAD_MS } from '../../src/defaults.ts'
import { ModelswarmError } from '../../src/errors.ts'
import { cidOfDigest } from '../../src/model/block-id.ts'
import { ByeReason, Mode, RejectReason } from '../../src/wire/protocol.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { memoryModel, MemoryNode } from './memory-node.ts'
import { Puppet } from './puppet.ts'
import type { Message } from '../../src/wire/messages.ts'

vi.mock('../../src/swarm/proof.ts', async () => await import('./instant-proof.ts'))

describe('a swarm that serves', () => {
  async function serving (own: Parameters<MemoryNode['serve']>[0] = {}): Promise<Puppet> {
    const node = new MemoryNode('node', new VirtualClock(), await memoryModel())
    return await Puppet.meet(node.serve(own), { tree: false })
  }
  /** Announces what comes until everything came, as a receiver does. */
  async function takeAll (puppet: Puppet): Promise<void> {
    for (let said = 0; said < puppet.node.model.manifest.blockCount;) {
      await puppet.wait(50)
      const indexes = puppet.of('block').map(block => block.index).slice(said)
      if (indexes.length === 0) throw new Error('No more blocks come')
      puppet.say({ type: 'have', indexes })
      said += indexes.length
    }
    await puppet.wait(50)
  }
  const ask = (indexes: number[]): Message => ({ type: 'request', indexes, cids: [] })

  it('answers each block asked for once, though it was asked for twice', async () => {
    const puppet = await serving()
    puppet.hold([])
    puppet.say(ask([3, 3, 4]))
    await puppet.wait(50)
    expect(puppet.of('block').map(block => block.index)).toEqual([3, 4])
    expect(Buffer.compare(puppet.blocks.get(3) ?? new Uint8Array(0),
      puppet.node.model.store.bytes(puppet.node.model.manifest.cid(3)))).toBe(0)
  })

  it('rejects what is not there', async () => {
    const puppet = await serving()
    puppet.say(ask([16, 0xffffffff, 2]))
    await puppet.wait(50)
    expect(puppet.of('reject').map(({ indexes, reason }) => ({ indexes, reason })))
      .toEqual([{ indexes: [16, 0xffffffff], reason: RejectReason.notHeld }])
    expect(puppet.of('block').map(block => block.index)).toEqual([2])
  })

  it('rejects a tree node that it does not have', async () => {
    const puppet = await serving()
    const [root, other] = [puppet.node.swarm.root.bytes, cidOfDigest(new Uint8Array(32)).bytes]
    puppet.say({ type: 'request', indexes: [], cids: [other, root] })
    await puppet.wait(50)
    expect(puppet.of('reject').map(({ cids, reason }) => ({ cids, reason })))
      .toEqual([{ cids: [other], reason: RejectReason.notHeld }])
    expect(puppet.of('block').map(({ cid }) => cid)).toEqual([root])
  })

  it('ends with a peer that asks for the tree before it was told of one', async () => {
    const node = new MemoryNode('node', new VirtualClock(), await memoryModel())
    const puppet = await Puppet.meet(node, { tree: false })
    puppet.say({ type: 'request', indexes: [], cids: [puppet.node.swarm.root.bytes] })
    await puppet.wait(50)
    expect(puppet.byes).toEqual([ByeReason.protocolError])
  })

  it('says that it could not read a block, and holds it no longer when its file is another', async () => {
    const puppet = await serving({
      spoil: block => { throw new ModelswarmError(block === 0 ? 'ERR_FILE_CHANGED' : 'ERR_NOT_HELD', 'Disk of the test') }
    })
    puppet.say(ask([0]))
    puppet.say(ask([1]))
    await puppet.wait(50)
    expect(puppet.of('reject').map(({ indexes, reason }) => [indexes[0], reason]))
      .toEqual([[0, RejectReason.unreadable], [1, RejectReason.notHeld]])
    expect(puppet.node.swarm.held?.count).toBe(14)
    expect(puppet.isOver).toBe(false)
  })

  it('keeps a block that a failing disk did not give, and gives it when the disk is well again', async () => {
    let isFailing = true
    const puppet = await serving({
      spoil: (_block, bytes) => {
        if (isFailing) throw new ModelswarmError('ERR_DISK', 'Disk of the test')
        return bytes
      }
    })
    puppet.say(ask([0]))
    await puppet.wait(50)
    expect(puppet.of('reject').map(({ reason }) => reason)).toEqual([RejectReason.unreadable])
    expect(puppet.node.swarm.held?.count).toBe(16)
    isFailing = false
    puppet.say(ask([0]))
    await puppet.wait(50)
    expect([...puppet.blocks.keys()]).toEqual([0])
  })

  it('chooses blocks as a publisher, within what was granted, in steps of the sum', async () => {
    const puppet = await serving({ open: 'spare' })
    puppet.hold([])
    puppet.say({ type: 'want', upTo: 65536 * 2 + 10, modes: 0 })
    await puppet.wait(50)
    expect(puppet.of('block')).toHaveLength(2)
    puppet.say({ type: 'have', indexes: puppet.of('block').map(block => block.index) })
    puppet.say({ type: 'want', upTo: 100, modes: 0 })
    await puppet.wait(50)
    expect(puppet.of('block')).toHaveLength(2)
    puppet.say({ type: 'want', upTo: 65536 * 3, modes: 0 })
    await puppet.wait(50)
    expect(puppet.of('block')).toHaveLength(3)
    expect(puppet.of('mode')).toEqual([])
  })

  it('rejects requests while it chooses, and says so when its pass is over', async () => {
    const puppet = await serving({ open: 'spare' })
    puppet.hold([])
    puppet.say(ask([1]))
    await puppet.wait(50)
    expect(puppet.of('reject').map(({ reason }) => reason)).toEqual([RejectReason.choosing])
    puppet.say({ type: 'want', upTo: 65536 * 20, modes: 0 })
    await takeAll(puppet)
    expect(new Set(puppet.of('block').map(block => block.index)).size).toBe(16)
    expect(puppet.of('mode')).toEqual([{ type: 'mode', mode: Mode.spare, given: 16 * 65536 }])
    puppet.say(ask([1]))
    await puppet.wait(50)
    expect(puppet.of('block')).toHaveLength(17)
  })

  it.each([['always', Mode.open], ['never', Mode.closed], ['spare', Mode.spare]] as const)(
    'says after its pass how it serves from then on: %s', async (open, mode) => {
      const puppet = await serving({ open })
      puppet.hold('all')
      await puppet.wait(50)
      expect(puppet.of('mode')).toEqual([{ type: 'mode', mode, given: 0 }])
    })

  it('chooses again when a peer leaves with the only copy of what it was given', async () => {
    const puppet = await serving({ open: 'never' })
    puppet.hold([])
    puppet.say({ type: 'want', upTo: 65536 * 20, modes: 0 })
    await takeAll(puppet)
    const second = await Puppet.meet(puppet.node, { id: 'second', tree: false })
    second.hold([])
    await second.wait(50)
    expect(second.of('mode').at(-1)?.mode).toBe(Mode.closed)
    await puppet.control.close()
    await second.wait(50)
    expect(second.of('mode').at(-1)).toEqual({ type: 'mode', mode: Mode.choosing, given: 0 })
    // Said before it had read that: void.
    second.say({ type: 'want', upTo: 2 * 65536, modes: 1 })
    await second.wait(50)
    expect(second.of('block')).toHaveLength(0)
    second.say({ type: 'want', upTo: 65536, modes: 2 })
    await second.wait(50)
    expect(second.of('block')).toHaveLength(1)
  })

  it('waits for receipts when much is on its way, and no longer for a peer that gives none', async () => {
    const puppet = await serving()
    const other = await Puppet.meet(puppet.node, { id: 'other', tree: false })
    const all = Array.from({ length: 16 }, (_, i) => i)
    for (const one of [puppet, other]) {
      one.hold([])
      // receipts, so that each may take more than at first
      one.say(ask(all.slice(0, 4)))
      await one.wait(50)
      one.say({ type: 'have', indexes: all.slice(0, 4) })
    }
    puppet.say(ask(all.slice(4)))
    await puppet.wait(50)
    expect(puppet.of('block')).toHaveLength(16)
    other.say(ask(all.slice(4)))
    await puppet.wait(RECEIPT_MS - 200)
    // what the window had left, and no more
    expect(other.of('block').length - 4).toBeLessThanOrEqual(FIRST_UPLOAD_WINDOW_BYTES / 65536 - 12)
    await puppet.wait(400)
    expect(other.of('block')).toHaveLength(16)
  })

  it('says when it handed a block over', async () => {
    const puppet = await serving()
    puppet.hold([])
    await puppet.wait(1000)
    puppet.say(ask([1]))
    await puppet.wait(50)
    const [block] = puppet.of('block')
    expect(block?.sentMs).toBeGreaterThan(1000)
    expect(block?.sentMs).toBeLessThan(1200)
  })

  it('chooses a block again that its disk did not give at first, and only then ends its pass', async () => {
    let failures = 2
    const puppet = await serving({
      open: 'never',
      spoil: (_block, bytes) => {
        if (failures-- > 0) throw new ModelswarmError('ERR_DISK', 'Disk of the test')
        return bytes
      }
    })
    puppet.hold([])
    const seen = new Set<number>()
    for (let round = 0; round < 40 && seen.size < 16; round++) {
      puppet.say({ type: 'want', upTo: 65536 * 20 * (round + 1), modes: puppet.of('mode').length })
      await puppet.wait(REREAD_MS / 4)
      const indexes = puppet.of('block').map(block => block.index).filter(index => !seen.has(index))
      for (const index of indexes) seen.add(index)
      if (indexes.length > 0) puppet.say({ type: 'have', indexes })
    }
    expect(seen.size).toBe(16)
    await puppet.wait(50)
    expect(puppet.of('mode').at(-1)?.mode).toBe(Mode.closed)
  })

  it('sends nothing that the peer has come to hold since it asked, unless it asks again', async () => {
    const puppet = await serving()
    puppet.hold([])
    puppet.say(ask(Array.from({ length: 12 }, (_, i) => i)))
    await puppet.wait(50)
    const sent = puppet.of('block').map(block => block.index)
    expect(sent).not.toContain(11)
    puppet.say({ type: 'have', indexes: [11] })
    puppet.say({ type: 'have', indexes: sent })
    await puppet.wait(50)
    expect(puppet.of('block').map(block => block.index)).toEqual([...sent, ...[8, 9, 10].filter(i => !sent.includes(i))])
    puppet.say(ask([11]))
    await puppet.wait(50)
    expect(puppet.of('block').at(-1)?.index).toBe(11)
  })

  it('takes back what is cancelled before it is read', async () => {
    const puppet = await serving()
    puppet.say(ask([0, 1, 2]))
    puppet.say({ type: 'cancel', indexes: [0, 1, 2, 99] })
    await puppet.wait(50)
    expect(puppet.isOver).toBe(false)
  })
})
