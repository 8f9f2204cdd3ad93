import { describe, expect, it, vi } from 'vitest'
import { RECHECK_AGAIN_MS, SENT_LATELY_BYTES } from '../../src/defaults.ts'
import { ModelswarmError } from '../../src/errors.ts'
import { Doubts } from '../../src/swarm/doubts.ts'
import { SentLately } from '../../src/swarm/sent-lately.ts'
import { ByeReason, RejectReason } from '../../src/wire/protocol.ts'
import { Bitfield } from '../../src/model/bitfield.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { MemoryNode, memoryModel, pass } from './memory-node.ts'
import { Puppet } from './puppet.ts'

vi.mock('../../src/swarm/proof.ts', async () => await import('./instant-proof.ts'))

interface Doubted {
  doubts: Doubts
  clock: VirtualClock
  checked: number[]
  lost: number[]
}

function doubted (
  recheck: (block: number) => boolean = () => true, onLost: (block: number) => void = () => {}
): Doubted {
  const [clock, checked, lost] = [new VirtualClock(), new Array<number>(), new Array<number>()]
  const doubts = new Doubts({
    clock,
    isHeld: block => block !== 9 && !lost.includes(block),
    recheck: async block => {
      checked.push(block)
      return recheck(block)
    },
    onLost: block => {
      onLost(block)
      lost.push(block)
    }
  })
  return { doubts, clock, checked, lost }
}

describe('doubts', () => {
  it('are looked into once a minute for a block, however many peers complain of it', async () => {
    const { doubts, clock, checked } = doubted()
    for (let i = 0; i < 100; i++) doubts.add([1, 2, 3])
    await pass(clock, 10)
    doubts.add([1, 2, 3])
    await pass(clock, RECHECK_AGAIN_MS - 100)
    doubts.add([1, 2])
    await pass(clock, 10)
    expect(checked).toEqual([1, 2, 3])
    await pass(clock, 100)
    doubts.add([2])
    await pass(clock, 10)
    expect(checked).toEqual([1, 2, 3, 2])
  })

  it('lose a block that is wrong or whose file is another, and none for a disk that fails', async () => {
    const { doubts, clock, checked, lost } = doubted(block => {
      if (block === 2) throw new ModelswarmError('ERR_DISK', 'Disk of the test')
      if (block === 3) throw new ModelswarmError('ERR_FILE_CHANGED', 'File of the test')
      return block !== 1
    })
    doubts.add([0, 1, 2, 3, 9])
    await pass(clock, 10)
    expect([checked, lost]).toEqual([[0, 1, 2, 3], [1, 3]])
  })

  it('lose no block for a failure that says nothing about its bytes', async () => {
    const failures = [
      new ModelswarmError('ERR_NOT_HELD', 'x'), new ModelswarmError('ERR_PATH_NOT_FOUND', 'x'),
      new ModelswarmError('ERR_PATH_PERMISSION', 'x'), new TypeError('x')
    ]
    const { doubts, clock, lost } = doubted(block => { throw failures[block] ?? new Error('x') })
    doubts.add([0, 1, 2, 3])
    await pass(clock, 10)
    expect(lost).toEqual([0, 1])
  })

  it('go on after one that its owner could not answer', async () => {
    const { doubts, clock, checked, lost } = doubted(() => false, block => { if (block === 1) throw new Error('x') })
    doubts.add([1, 2])
    await pass(clock, 10)
    doubts.add([3])
    await pass(clock, 10)
    expect([checked, lost]).toEqual([[1, 2, 3], [2, 3]])
  })
})

describe('what was sent lately', () => {
  it('goes back as far as a peer may not have verified', () => {
    const sent = new SentLately()
    const many = SENT_LATELY_BYTES / 2 ** 20
    for (let block = 0; block < 3 * many; block++) sent.add(block, 2 ** 20)
    expect(sent.blocks).toEqual(Array.from({ length: many }, (_, i) => 2 * many + i))
  })
})

describe('a swarm', () => {
  it('offers a block no more that a peer rejects with reason, and goes on with what was rejected for none', async () => {
    const model = await memoryModel()
    const node = new MemoryNode('node', new VirtualClock(), model)
    const held = new Bitfield(model.manifest.blockCount)
    held.fill()
    node.swarm.setContent(model.manifest, held, {
      read: async () => new Uint8Array(65_536),
      getNode: () => undefined,
      recheck: async block => block !== 4
    })
    const puppet = await Puppet.meet(node)
    puppet.say({ type: 'request', indexes: [3, 4], cids: [] })
    await puppet.wait(50)
    puppet.say({ type: 'bye', reason: ByeReason.badBlocks })
    await puppet.wait(50)
    expect([held.has(3), held.has(4), held.count]).toEqual([true, false, 15])
    const other = await Puppet.meet(node, { id: 'other' })
    other.say({ type: 'request', indexes: [3, 4], cids: [] })
    await other.wait(50)
    expect(other.of('holdings')[0]?.all).toBe(false)
    expect([...other.blocks.keys()]).toEqual([3])
    expect(other.of('reject').map(({ indexes, reason }) => [...indexes, reason])).toEqual([[4, RejectReason.notHeld]])
  })
})
