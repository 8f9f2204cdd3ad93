// A raw peer that has a model: honest but for what a case makes it do. The node under attack pulls from it.
import { CID } from 'multiformats/cid'
import { buildTree } from '../model/tree-fixtures.ts'
import { FILES, rawPeer } from './victim.ts'
import type { RawPeer, RawSession } from './raw-peer.ts'
import type { Manifest } from '../../src/model/manifest.ts'

export interface RawSeeder {
  readonly peer: RawPeer
  /** The session with the node that pulls; resolves when there is one. */
  readonly session: Promise<RawSession>
}

export interface Model {
  readonly root: CID
  readonly blocks: number
  /** The bytes of a node of the tree. */
  node: (cid: Uint8Array) => Uint8Array
  /** The bytes of a block. */
  block: (index: number) => Uint8Array
}

/** The model that victims have, for raw peers. */
export async function honestModel (): Promise<Model> {
  const { manifest, store } = await buildTree(FILES)
  return modelOf(manifest, cid => store.bytes(cid))
}

export function modelOf (manifest: Manifest, bytesOf: (cid: CID) => Uint8Array): Model {
  return {
    root: manifest.root,
    blocks: manifest.blockCount,
    node: cid => bytesOf(CID.decode(cid)).slice(),
    block: index => bytesOf(manifest.cid(index)).slice()
  }
}

export interface Conduct {
  /** In place of giving the block. */
  onBlock?: (index: number, session: RawSession) => void
  /** In place of giving the node. */
  onNode?: (cid: Uint8Array, session: RawSession) => void
  /** Blocks are given from then on. */
  from?: Promise<unknown>
  /** The tree too. Default: false. */
  isTreeLate?: boolean
}

/** A raw peer that listens, says that it has everything, and answers each request. */
export async function rawSeeder (model: Model, conduct: Conduct = {}): Promise<RawSeeder> {
  const peer = await rawPeer({ isListening: true })
  const { promise, resolve } = Promise.withResolvers<RawSession>()
  const { from = Promise.resolve() } = conduct
  const onNode = conduct.onNode ?? ((cid, session) => { session.giveNode(cid, model.node(cid)) })
  const onBlock = conduct.onBlock ?? ((index, session) => { session.give(index, model.block(index)) })
  await peer.serve(model.root, session => {
    session.hold(model.blocks, true)
    session.onRequest(async ({ cids, indexes }) => {
      if (conduct.isTreeLate === true) await from
      for (const cid of cids) onNode(cid, session)
      await from
      for (const index of indexes) onBlock(index, session)
    })
    resolve(session)
  })
  return { peer, session: promise }
}
