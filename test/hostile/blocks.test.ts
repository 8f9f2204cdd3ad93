// Blocks and tree nodes that are not what was asked for: the victim pulls, from a liar and an honest peer.
import { describe, expect, it } from 'vitest'
import { ByeReason } from '../../src/wire/protocol.ts'
import { noise, sha256 } from '../model/tree-fixtures.ts'
import { printsOf, startNode, target } from '../node/nodes.ts'
import { honestModel, rawSeeder } from './raw-seeder.ts'
import { FILES } from './victim.ts'
import type { Conduct, Model } from './raw-seeder.ts'
import type { RawSession } from './raw-peer.ts'

/** Pulls from both; the honest one gives when the liar was found out. Its notes, and the liar's end. */
async function pullFrom (
  conduct: (model: Model) => Conduct, isTreeLate = false
): Promise<{ notes: string[], bye: number | undefined, liar: string }> {
  const model = await honestModel()
  const liar = await rawSeeder(model, conduct(model))
  const bye = liar.session.then(async session => await session.bye())
  const honest = await rawSeeder(model, { from: bye, isTreeLate })
  const notes: string[] = []
  const node = await startNode({ onNote: note => { notes.push(note) } })
  const out = await target()
  await node.pull(String(model.root), out, { peers: [liar.peer.addr, honest.peer.addr] })
  expect(await printsOf(out)).toEqual({ 'w.bin': Buffer.from(sha256(FILES['w.bin'])).toString('hex') })
  return { notes: notes.filter(note => note.includes('is refused')), bye: await bye, liar: liar.peer.id }
}

describe('a node that pulls drops a peer, remembers it, and gets the model elsewhere, when it sends', () => {
  it.each<[string, (model: Model, index: number) => Uint8Array]>([
    ['other bytes', (model, index) => model.block(index).fill(7)],
    ['no bytes', () => new Uint8Array(0)],
    ['a byte too many', (model, index) => Uint8Array.from([...model.block(index), 0])],
    ['a byte too few', (model, index) => model.block(index).subarray(1)],
    ['as many bytes as there may be', () => noise(3, 2 * 1024 * 1024)],
    ['another block\'s bytes', (model, index) => model.block((index + 1) % model.blocks)]
  ])('a block with %s', async (_, spoil) => {
    const { notes, bye, liar } = await pullFrom(model => ({
      onBlock: (index, session) => { session.give(index, spoil(model, index)) }
    }))
    expect(bye).toBe(ByeReason.badBlocks)
    expect(notes).toEqual([expect.stringMatching(`Peer ${liar.slice(-8)} is refused for 10 min: .*\\(ERR_BAD_BLOCK\\)`)])
  })

  it.each<[string, number, (session: RawSession) => void, string]>([
    ['blocks nobody asked for, without end', ByeReason.protocolError,
      session => { for (let i = 0; i < 1100; i++) session.give(2_000_000 + i, new Uint8Array(3)) }, 'ERR_FLOOD'],
    ['a block in an encoding that was not offered', ByeReason.protocolError,
      session => { session.data.send({ type: 'block', index: 0, cid: undefined, payloadBytes: 0, encoding: 9 }) }, 'ERR_PROTOCOL']
  ])('%s', async (_, reason, act, code) => {
    const { notes, bye } = await pullFrom(() => ({ onBlock: (_index, session) => { act(session) } }))
    expect(bye).toBe(reason)
    expect(notes).toEqual([expect.stringContaining(`(${code})`)])
  })

  it('a tree node with other bytes', async () => {
    const { notes, bye } = await pullFrom(model => ({
      onNode: (cid, session) => { session.giveNode(cid, model.node(cid).fill(1)) }
    }), true)
    expect(bye).toBe(ByeReason.badBlocks)
    expect(notes).toEqual([expect.stringContaining('(ERR_BAD_BLOCK)')])
  })
})

it('a node that pulls bears with a peer whose blocks come after they were cancelled', async () => {
  const model = await honestModel()
  const late = await rawSeeder(model, { onBlock: () => {} })
  const asked = late.session.then(async session => { await session.control.next('request') })
  const quick = await rawSeeder(model, { from: asked })
  late.session.then(session => {
    session.control.onMessage = message => {
      if (message.type === 'cancel') for (const index of message.indexes) session.give(index, model.block(index))
    }
  }, () => {})
  const notes: string[] = []
  const node = await startNode({ onNote: note => { notes.push(note) } })
  await node.pull(String(model.root), await target(), { peers: [late.peer.addr, quick.peer.addr] })
  const session = await late.session
  expect(session.control.all('cancel').length).toBeGreaterThan(0)
  expect([notes, session.control.isEnded]).toEqual([[], false])
})
