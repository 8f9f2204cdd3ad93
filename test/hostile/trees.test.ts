// Trees that lie or explode, served by a peer that only relays them: every node hashes to its name.
import { encode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { expect, it } from 'vitest'
import { cidOfDigest, DAG_PB_CODEC } from '../../src/model/block-id.ts'
import { TREE_LIMITS } from '../../src/model/tree-limits.ts'
import { MapStore, noise, sha256 } from '../model/tree-fixtures.ts'
import { startNode, target } from '../node/nodes.ts'
import { honestModel, rawSeeder } from './raw-seeder.ts'

interface TestLink {
  Name?: string
  Tsize?: number
  Hash: CID
}

const store = new MapStore()

function node (type: 'file' | 'directory', links: TestLink[], blockSizes: bigint[] = []): CID {
  const bytes = encode({ Data: new UnixFS({ type, blockSizes }).marshal(), Links: links })
  return store.put(cidOfDigest(sha256(bytes), DAG_PB_CODEC), bytes)
}

function raw (bytes: Uint8Array): CID {
  return store.put(cidOfDigest(sha256(bytes)), bytes)
}

const leaf = raw(noise(1, 20))
const name = (i: number): string => String(i).padStart(5, '0')

function nested (levels: number): CID {
  let cid = node('directory', [])
  for (let i = 1; i < levels; i++) cid = node('directory', [{ Name: 'a', Tsize: 9, Hash: cid }])
  return cid
}

function wide (): CID {
  const inner = node('directory', Array.from({ length: 1000 }, (_, i) => ({ Name: name(i), Tsize: 20, Hash: leaf })))
  return node('directory', Array.from({ length: 1100 }, (_, i) => ({ Name: name(i), Tsize: 1e6, Hash: inner })))
}

/** Eight levels of 174 links to one child: 10 nodes, 174^8 files or blocks. */
function bomb (kind: 'file' | 'directory'): CID {
  let cid = leaf
  let size = 20n
  for (let level = 0; level < 8; level++) {
    const links = Array.from({ length: 174 }, (_, i) => ({
      Name: kind === 'file' ? '' : name(i), Tsize: level === 0 ? 20 : 1e6, Hash: cid
    }))
    cid = node(kind, links, kind === 'file' ? links.map(() => size) : [])
    size *= 174n
  }
  return cid
}

it.each<[string, CID, RegExp]>([
  ['is too deep', nested(TREE_LIMITS.depth + 1), /ERR_TREE_LIMIT/],
  ['is too wide', wide(), /ERR_TREE_LIMIT/],
  ['has sizes that do not add up', node('file', [{ Name: '', Tsize: 99, Hash: node('file', [{ Name: '', Tsize: 20, Hash: leaf }], [20n]) }], [21n]), /ERR_BAD_TREE/],
  ['expands without end into files', bomb('directory'), /ERR_TREE_LIMIT/],
  ['expands without end into blocks', bomb('file'), /ERR_(TREE_LIMIT|BAD_TREE)/],
  ['says another size than the block has', node('directory', [{ Name: 'x', Tsize: 21, Hash: leaf }]), /ERR_BAD_TREE/]
])('a pull ends where a tree %s, and who relayed it is not held guilty', async (_, root, code) => {
  const relay = await rawSeeder({
    root,
    blocks: 1,
    node: cid => store.bytes(CID.decode(cid)),
    block: () => store.bytes(leaf)
  })
  const notes: string[] = []
  const puller = await startNode({ onNote: note => { notes.push(note) } })
  const before = process.memoryUsage().arrayBuffers
  const out = await target()
  await expect(puller.pull(String(root), out, { peers: [relay.peer.addr] }))
    .rejects.toMatchObject({ code: expect.stringMatching(code) })
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64e6)
  expect(notes).toEqual([])
  // The same peer still is one to pull from.
  const model = await honestModel()
  const honest = await rawSeeder(model)
  await puller.pull(String(model.root), out, { peers: [relay.peer.addr, honest.peer.addr] })
})
