// Files whose size needs the 32nd bit and more: nothing here reads a byte of them, trees are made of digests.
import { UnixFS } from 'ipfs-unixfs'
import { describe, expect, it } from 'vitest'
import { cutLengths, planCuts } from '../../src/cut/plan.ts'
import { resolveManifest } from '../../src/model/resolve.ts'
import { TreeBuilder } from '../../src/model/tree.ts'
import { fileData } from '../../src/model/unixfs-file.ts'
import vectors from '../vectors/ms1.json' with { type: 'json' }
import { hash, MapStore, sha256 } from './tree-fixtures.ts'
import type { Manifest } from '../../src/model/manifest.ts'
import type { Leaf } from '../../src/model/tree.ts'

const GIB = 2 ** 30
const SIZES = [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 3 * GIB + 12_345, 2 ** 32 - 1, 2 ** 32, 6 * GIB, 2 ** 40 + 3 * GIB]

/** Every block of a plain file has the digest of its own number. */
function * leavesOf (sizeBytes: number): Generator<Leaf> {
  let block = 0
  for (const length of cutLengths(planCuts(sizeBytes, undefined))) {
    yield { digest: sha256(Uint8Array.of(block & 255, block >>> 8, block++ >>> 16)), sizeBytes: length }
  }
}

async function treeOf (sizeBytes: number): Promise<{ manifest: Manifest, store: MapStore }> {
  const store = new MapStore()
  const builder = new TreeBuilder({ hash, onNode: (cid, bytes) => { store.put(cid, bytes) } })
  await builder.addFile('model.gguf', leavesOf(sizeBytes))
  return { manifest: await builder.finish(), store }
}

describe('the UnixFS data of a file', () => {
  it.each(SIZES)('is read by ipfs-unixfs as it was: %i', size => {
    const seen = UnixFS.unmarshal(fileData([size, 5]))
    expect([seen.type, seen.blockSizes, seen.fileSize()]).toEqual(['file', [BigInt(size), 5n], BigInt(size + 5)])
  })

  it.each([[[]], [[0]], [[1, 127, 128, 16_384]], [[2 ** 31 - 200]], [[2 ** 32, 2 ** 53 - 2 ** 33]]])(
    'is what ipfs-unixfs writes, where that is right: %j', sizes => {
      expect(fileData(sizes)).toEqual(new UnixFS({ type: 'file', blockSizes: sizes.map(BigInt) }).marshal())
    })
})

describe('the tree of a large file', () => {
  it.each(SIZES.filter(size => size < 2 ** 40))('is resolved to its size, and has its root as ever: %i', async size => {
    const { manifest, store } = await treeOf(size)
    const seen = await resolveManifest(manifest.root, { getNodes: store.getNodes, hash })
    expect(seen.files.map(file => file.sizeBytes)).toEqual([size])
    expect(String(seen.root)).toBe(new Map(Object.entries(vectors.large)).get(String(size)))
  })
})
