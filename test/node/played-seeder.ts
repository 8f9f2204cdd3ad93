// A peer on a real libp2p node that serves a model as a test wants it: late, half, wrong, never.
import { CID } from 'multiformats/cid'
import { clock, hash } from '../../src/node/ports.ts'
import { Bitfield } from '../../src/model/bitfield.ts'
import { Reception } from '../../src/swarm/reception.ts'
import { Reputation } from '../../src/swarm/reputation.ts'
import { Swarm } from '../../src/swarm/swarm.ts'
import { streamChannel } from '../../src/wire/channel.ts'
import { CONTROL_PROTOCOL, DATA_PROTOCOL } from '../../src/wire/protocol.ts'
import { buildTree } from '../model/tree-fixtures.ts'
import { rawLibp2p } from './raw-libp2p.ts'
import type { Files } from './nodes.ts'
import type { Libp2p } from '@libp2p/interface'
import type { Manifest } from '../../src/model/manifest.ts'

export interface Play {
  /** Which blocks it holds in the beginning. Default: all. */
  isHeld?: (block: number, blockCount: number) => boolean
  /** What it gives for a block, of how many that were read before. Default: its bytes. */
  read?: (bytes: Uint8Array, readBefore: number) => Uint8Array | Promise<Uint8Array>
}

export interface PlayedSeeder {
  readonly root: string
  readonly addr: string
  readonly libp2p: Libp2p
  readonly manifest: Manifest
  /** From now on it holds everything, and says so. */
  readonly holdAll: () => void
}

/** Serves these files until the test is over. */
export async function playedSeeder (files: Files, play: Play = {}): Promise<PlayedSeeder> {
  const { isHeld = () => true, read = bytes => bytes } = play
  const { manifest, store } = await buildTree(files)
  const libp2p = await rawLibp2p()
  const swarm = new Swarm(manifest.root, { clock, random: Math.random, hash })
  const held = new Bitfield(manifest.blockCount)
  for (let block = 0; block < manifest.blockCount; block++) if (isHeld(block, manifest.blockCount)) held.add(block)
  let readBefore = 0
  swarm.setContent(manifest, held, {
    read: async block => await read(store.bytes(manifest.cid(block)).slice(), readBefore++),
    getNode: cid => store.bytes(CID.decode(cid)).slice()
  })
  const reception = new Reception({
    ourId: libp2p.peerId.toString(),
    roots: () => [manifest.root],
    swarmOf: async () => swarm,
    clock,
    reputation: new Reputation({ now: clock.now })
  })
  await libp2p.handle(CONTROL_PROTOCOL, async (stream, connection) => {
    await reception.acceptControl(streamChannel(stream, 'control'), connection.remotePeer.toString())
  })
  await libp2p.handle(DATA_PROTOCOL, (stream, connection) => {
    reception.acceptData(streamChannel(stream, 'data'), connection.remotePeer.toString())
  })
  return {
    root: manifest.root.toString(),
    addr: String(libp2p.getMultiaddrs()[0]),
    libp2p,
    manifest,
    holdAll: () => {
      for (let block = 0; block < manifest.blockCount; block++) if (!held.has(block)) swarm.announce(block)
    }
  }
}
