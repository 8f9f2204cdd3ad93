// The nodes of a tree from anywhere, one by one and as a whole. The hash believes what a node's place says, so that
// bent nodes get past the check that keeps them out.
import { encode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { isModelswarmError, ModelswarmError } from '../../src/errors.ts'
import { cidOfDigest, DAG_PB_CODEC, digestOfCid, EMPTY_DIGEST, RAW_CODEC } from '../../src/model/block-id.ts'
import { wrapLeaf, wrappedBytes } from '../../src/model/leaf.ts'
import { readNode } from '../../src/model/read-node.ts'
import { resolveManifest } from '../../src/model/resolve.ts'
import { TREE_LIMITS } from '../../src/model/tree-limits.ts'
import { bendBytes, concat } from './bytes.ts'
import { bendProtobuf } from './protobuf.ts'
import type { Random } from '../random.ts'
import type { Decoder } from './decoder.ts'
import type { PBLink } from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'

const isRefusal = (err: unknown): boolean => isModelswarmError(err,
  'ERR_BAD_TREE', 'ERR_UNSUPPORTED_TREE', 'ERR_TREE_LIMIT', 'ERR_UNSAFE_NAME', 'ERR_BAD_BLOCK', 'ERR_NOT_HELD')

export const treeNode: Decoder = {
  name: 'tree node',
  make: random => anyNode(random, [random.below(256), random.below(256)]),
  bend: bendProtobuf,
  decode: input => readNode(digestOf(0), input),
  isRefusal
}

/** Small, so that a tree that unfolds to all they allow takes no time; as large as a tree of these bytes needs. */
const LIMITS = {
  ...TREE_LIMITS, nodes: 1024, entries: 1024, slots: 16_384, pathBytes: 262_144, links: 20_480
}

/** A whole tree: one node after another, each behind its length in two bytes; the first is the root. */
export const tree: Decoder = {
  name: 'tree',
  make: random => {
    const count = random.between(1, 6)
    return join(Array.from({ length: count }, (_, i) => {
      const below = Array.from({ length: count - i - 1 }, (_, k) => i + 1 + k)
      return anyNode(random, below)
    }))
  },
  bend: (bytes, random) => {
    const nodes = split(bytes)
    const at = random.below(nodes.length)
    const bent = (node: Uint8Array): Uint8Array =>
      random.chance(0.8) ? bendProtobuf(node, random) : bendBytes(node, random, node)
    return join(nodes.map((node, i) => i === at ? bent(node) : node))
  },
  decode: async input => {
    const nodes = split(input)
    const digests = new Map(nodes.map((node, i): [Uint8Array, Uint8Array] => [node, digestOf(i)]))
    const manifest = await resolveManifest(cidOfDigest(digestOf(0), DAG_PB_CODEC), {
      getNodes: async (cids: CID[]) => cids.map(cid => {
        const node = nodes[indexOf(digestOfCid(cid))]
        if (node === undefined) throw new ModelswarmError('ERR_NOT_HELD', 'No such node')
        return node
      }),
      hash: async bytes => digests.get(bytes) ?? new Uint8Array(32),
      limits: LIMITS
    })
    let bytes = 0
    for (const file of manifest.files) {
      const { sizes } = manifest.blocksOf(file)
      if (sizes.reduce((sum, size) => sum + size, 0) !== file.sizeBytes) throw new Error('Blocks do not fill their file')
      bytes += file.sizeBytes
    }
    if (bytes !== manifest.totalBytes) throw new Error('Files do not add up to the model')
    for (let block = 0; block < manifest.blockCount; block++) manifest.cid(block)
  },
  isRefusal
}

/** A node of any kind that links to some of these nodes, and to blocks. */
function anyNode (random: Random, below: readonly number[]): Uint8Array {
  switch (random.below(6)) {
    case 0: return wrapLeaf(random.pick(['file', 'raw'] as const), random.bytes(random.below(40)))
    case 1: return fileNode(random, below)
    case 2: return shard(random, below)
    case 3: {
      const data = new UnixFS({ type: random.pick(['symlink', 'file', 'directory']), data: random.bytes(3) })
      return encode({ Data: data.marshal(), Links: [] })
    }
    default: return folder(random, below)
  }
}

function folder (random: Random, below: readonly number[]): Uint8Array {
  const links = [...someNodes(random, below), ...someBlocks(random)]
  return encode({
    Data: new UnixFS({ type: 'directory' }).marshal(),
    Links: links.map(({ cid, treeBytes }, i) => {
      return { Hash: cid, Name: `${random.text('ab.é', 2)}${i}`, Tsize: treeBytes }
    }).sort(byName)
  })
}

function shard (random: Random, below: readonly number[]): Uint8Array {
  const slot = (i: number): string => i.toString(16).toUpperCase().padStart(2, '0')
  const named = ({ cid, treeBytes }: Below, Name: string): PBLink => ({ Hash: cid, Name, Tsize: treeBytes })
  const shards = someNodes(random, below).map((link, i) => named(link, slot(i)))
  const entries = someBlocks(random).map((link, i) => named(link, `${slot(100 + i)}name${i}`))
  const data = new UnixFS({ type: 'hamt-sharded-directory', data: random.bytes(4), fanout: 256n, hashType: 0x22n })
  return encode({ Data: data.marshal(), Links: [...shards, ...entries].sort(byName) })
}

function fileNode (random: Random, below: readonly number[]): Uint8Array {
  const isWrapped = random.chance(0.3)
  const blocks = someBlocks(random).map(block => {
    if (!isWrapped) return block
    const bytes = Math.max(1, block.bytes)
    return { cid: cidOfDigest(digestOf(9000 + bytes), DAG_PB_CODEC), bytes, treeBytes: wrappedBytes(bytes) }
  })
  const nodes = someNodes(random, below).map(node => ({ ...node, bytes: random.below(80) }))
  const links = random.chance(0.5) ? blocks : [...blocks, ...nodes]
  return encode({
    Data: new UnixFS({ type: 'file', blockSizes: links.map(link => BigInt(link.bytes)) }).marshal(),
    Links: links.map(({ cid, treeBytes }) => ({ Hash: cid, Name: '', Tsize: treeBytes }))
  })
}

interface Below {
  cid: CID
  bytes: number
  treeBytes: number
}

function someNodes (random: Random, below: readonly number[]): Below[] {
  if (below.length === 0) return []
  return Array.from({ length: random.below(4) }, () => {
    return { cid: cidOfDigest(digestOf(random.pick(below)), DAG_PB_CODEC), bytes: 0, treeBytes: random.below(300) }
  })
}

/** Few different ones, so that blocks repeat. */
function someBlocks (random: Random): Below[] {
  return Array.from({ length: random.below(4) }, () => {
    const number = random.below(20)
    if (number === 0) return { cid: cidOfDigest(EMPTY_DIGEST), bytes: 0, treeBytes: 0 }
    return { cid: cidOfDigest(digestOf(10_000 + number), RAW_CODEC), bytes: number * 7, treeBytes: number * 7 }
  })
}

function digestOf (index: number): Uint8Array {
  const digest = new Uint8Array(32)
  new DataView(digest.buffer).setUint32(28, index)
  return digest
}

function indexOf (digest: Uint8Array): number {
  return new DataView(digest.buffer, digest.byteOffset, 32).getUint32(28)
}

function byName (a: PBLink, b: PBLink): number {
  return Buffer.compare(Buffer.from(a.Name ?? ''), Buffer.from(b.Name ?? ''))
}

function join (nodes: readonly Uint8Array[]): Uint8Array {
  return concat(...nodes.flatMap(node => [Uint8Array.of(node.byteLength >> 8, node.byteLength & 0xff), node]))
}

function split (bytes: Uint8Array): Uint8Array[] {
  const nodes: Uint8Array[] = []
  for (let at = 0; at + 2 <= bytes.byteLength;) {
    const end = at + 2 + (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)
    nodes.push(bytes.subarray(at + 2, end))
    at = end
  }
  return nodes
}
