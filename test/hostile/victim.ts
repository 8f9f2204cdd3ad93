// The node that a file of hostile cases attacks: a seeder on a real socket. One for all cases of a file: what one
// offender does must not hurt the next case's honest pull.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { CID } from 'multiformats/cid'
import { createNode } from '../../src/index.ts'
import { noise } from '../model/tree-fixtures.ts'
import { addrOf, eventually, LOOPBACK, printsOf, startNode, target, writeFiles } from '../node/nodes.ts'
import { RawPeer } from './raw-peer.ts'
import type { RawPeerOptions, RawSession } from './raw-peer.ts'
import type { Node } from '../../src/index.ts'
import type { ErrorCode } from '../../src/errors.ts'
import type { HelloMessage } from '../../src/wire/messages.ts'

/** Seventeen blocks of 64 KiB: a bitfield has bits behind the last. */
export const FILES = { 'w.bin': noise(1, 1_100_000) }

export interface Victim {
  readonly node: Node
  readonly addr: string
  readonly root: CID
  readonly blocks: number
  /** A raw peer in a session with the victim; it holds nothing yet. */
  meet: (own?: Partial<HelloMessage>) => Promise<{ peer: RawPeer, session: RawSession }>
  /** Resolves when the victim has said that it refuses this peer, with the code of the offence. */
  refusal: (peer: RawPeer) => Promise<ErrorCode | undefined>
  /** Whether it has said so. */
  hasRefused: (peer: RawPeer) => boolean
  /** An honest peer, connected before any attack, asks for a block and gets it. */
  servesOthers: () => Promise<void>
  /** A fresh node pulls everything from the victim: once at the end of a file, it takes a while. */
  givesAll: () => Promise<void>
}

/** Makes the victim of this file. Call once, at the top; it is there in the cases. */
export function seeder (): () => Victim {
  let victim: Victim | undefined
  const nodes: Node[] = []
  let folder = ''
  let friend: RawPeer | undefined
  beforeAll(async () => {
    const notes: string[] = []
    folder = await mkdtemp(join(tmpdir(), 'modelswarm-hostile-'))
    const dir = await writeFiles(FILES, join(folder, 'model'))
    const start = async (): Promise<Node> => {
      const node = await createNode({ dir: join(folder, `state-${nodes.length}`), listen: [LOOPBACK], onNote: note => { notes.push(note) } })
      nodes.push(node)
      return node
    }
    const publisher = await start()
    const { link, root, blocks } = await publisher.publish(dir)
    const node = await start()
    await node.pull(link, join(folder, 'pulled'))
    await publisher.stop()
    const addr = addrOf(node)
    friend = await RawPeer.start()
    const honest = await friend.meet(addr, CID.parse(root))
    const noteOf = (peer: RawPeer): string | undefined => notes.find(note => note.includes(`Peer ${peer.id.slice(-8)} is refused`))
    victim = {
      node,
      addr,
      root: CID.parse(root),
      blocks,
      meet: async own => {
        const peer = await rawPeer()
        return { peer, session: await peer.meet(addr, CID.parse(root), own) }
      },
      refusal: async peer => {
        await eventually(() => noteOf(peer) !== undefined, 'the offender is refused')
        return codeIn(noteOf(peer) ?? '')
      },
      hasRefused: peer => noteOf(peer) !== undefined,
      servesOthers: async () => {
        const had = honest.data.blocks
        honest.control.send({ type: 'request', indexes: [had % blocks], cids: [] })
        await eventually(() => honest.data.blocks > had, 'an honest peer is served')
      },
      givesAll: async () => {
        const out = await target()
        await (await startNode()).pull(root, out, { peers: [addr] })
        expect(await printsOf(out)).toEqual(await printsOf(dir))
      }
    }
  })
  afterAll(async () => {
    await friend?.stop()
    await Promise.all(nodes.map(async node => { await node.stop() }))
    await rm(folder, { recursive: true, force: true })
  })
  return () => {
    if (victim === undefined) throw new Error('The victim is not there yet')
    return victim
  }
}

/** A raw peer, stopped when the test is over. */
export async function rawPeer (options?: RawPeerOptions): Promise<RawPeer> {
  const peer = await RawPeer.start(options)
  onTestFinished(async () => { await peer.stop() })
  return peer
}

function codeIn (note: string): ErrorCode | undefined {
  const [, code] = /\((ERR_\w+)\)$/.exec(note) ?? []
  return OFFENCES.find(one => one === code)
}

const OFFENCES: readonly ErrorCode[] = ['ERR_BAD_FRAME', 'ERR_PROTOCOL', 'ERR_FLOOD', 'ERR_BAD_BLOCK', 'ERR_BAD_RECORD']
