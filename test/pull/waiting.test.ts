import { describe, expect, it, vi } from 'vitest'
import { WAIT_COUNT_MS, WAIT_NOTE_MS } from '../../src/defaults.ts'
import { Bitfield } from '../../src/model/bitfield.ts'
import { WaitNotes } from '../../src/pull/waiting.ts'
import { MemoryNode, memoryModel } from '../swarm/memory-node.ts'
import { Puppet } from '../swarm/puppet.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import type { PullState } from '../../src/pull/sources.ts'
import type { TriedSource } from '../../src/swarm/trouble.ts'

vi.mock('../../src/swarm/proof.ts', async () => await import('../swarm/instant-proof.ts'))

const LOOK_MS = 250

describe('the notes of a wait', () => {
  it('follow what peers say they hold, and count it only every few seconds', async () => {
    const model = await memoryModel()
    const node = new MemoryNode('node', new VirtualClock(), model)
    const { blockCount } = model.manifest
    node.swarm.setContent(model.manifest, new Bitfield(blockCount), {
      read: async () => new Uint8Array(0), getNode: () => undefined
    })
    const [wanted, held] = [new Bitfield(blockCount), new Bitfield(blockCount)]
    wanted.fill()
    held.add(0)
    const counts = vi.spyOn(wanted, 'without')
    const state: PullState = {
      swarm: node.swarm,
      search: { tried: 1, nameOf: id => id, report: () => [] },
      target: { wanted, held }
    }
    const notes = new Array<string>()
    const wait = new WaitNotes({ state: () => state, giveUpMs: 60_000, note: message => { notes.push(message) } })
    let quietMs = 0
    const look = (ms: number): void => {
      for (const end = quietMs + ms; quietMs < end;) wait.onLook(quietMs += LOOK_MS)
    }
    look(WAIT_NOTE_MS)
    expect(counts).toHaveBeenCalledTimes(0)
    const puppet = await Puppet.meet(node)
    puppet.hold([0, 1, 2])
    await puppet.wait(50)
    look(LOOK_MS)
    expect(counts).toHaveBeenCalledTimes(1)
    const other = await Puppet.meet(node, { id: 'other' })
    other.hold('all')
    await other.wait(50)
    look(10 * WAIT_COUNT_MS)
    expect(counts).toHaveBeenCalledTimes(11)
    expect(notes).toEqual([
      'Waiting for 15 of 16 blocks: no peer is connected (1 known, tried again with growing pauses)',
      'Waiting for 15 of 16 blocks: nobody connected has 13 of them',
      'Waiting for 15 of 16 blocks: the 2 connected peers could give them and sent nothing lately'
    ])
  })

  it('tell those that answered and do not know the root from those that nobody reached', async () => {
    const node = new MemoryNode('node', new VirtualClock(), await memoryModel())
    const kinds = ['unknownRoot', 'refused'] as const
    const report = (): TriedSource[] => kinds.map(kind => ({ name: kind, trouble: { kind, seen: '' } }))
    const search = { tried: 2, nameOf: (id: string) => id, report }
    const notes = new Array<string>()
    const state = (): PullState => ({ swarm: node.swarm, search })
    const wait = new WaitNotes({ state, giveUpMs: 60_000, note: message => { notes.push(message) } })
    wait.onLook(WAIT_NOTE_MS)
    expect(notes).toEqual([
      'Waiting for the tree of the model: no peer is connected (2 known, 1 of them without this root, ' +
        'tried again with growing pauses)'
    ])
  })
})
