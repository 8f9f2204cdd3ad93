import { exporter, recursive } from 'ipfs-unixfs-exporter'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced, flat, trickle } from 'ipfs-unixfs-importer/layout'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { cidOfDigest } from '../../src/model/block-id.ts'
import { resolveManifest } from '../../src/model/resolve.ts'
import { TreeBuilder } from '../../src/model/tree.ts'
import { makeSafetensors } from '../formats/make-files.ts'
import { buildTree, hash, importTree, MapStore, noise, prints, readFiles, sha256 } from './tree-fixtures.ts'
import type { Folder } from './tree-fixtures.ts'
import type { ImporterOptions } from 'ipfs-unixfs-importer'

const empty = new Uint8Array(0)

const folders: Record<string, () => Folder> = {
  'one file': () => ({ 'a.bin': noise(1, 100) }),
  'an empty file': () => ({ 'a.bin': empty }),
  'an empty folder beside a file': () => ({ a: null, b: noise(1, 5) }),
  'dot files and nested folders': () => ({
    '.config/x': noise(1, 10),
    '.hidden': noise(2, 10),
    'a/b/c/d/e.bin': noise(3, 70_000),
    'a/b.bin': noise(4, 200_000),
    'a/b-.bin': noise(4, 200_000),
    'a.b': noise(5, 1),
    'é/ü.bin': noise(6, 3),
    '\u{1f600}': noise(7, 3),
    '\uffe0': noise(8, 3)
  }),
  'tensors of many sizes': () => ({
    'model.safetensors': makeSafetensors([10, 0, 70_000, 30, 40_000, 40_000, 2_000_000, 5].map((size, i) =>
      ({ name: `t${i}`, data: noise(i + 1, size) })))
  }),
  'a file of more than 1,024 blocks': () => {
    const bytes = new Uint8Array(70 * 1024 * 1024)
    for (let at = 0; at < bytes.length; at += 65_536) bytes.set([at >> 16, at >> 24], at)
    return { 'big.bin': bytes }
  },
  'repeated blocks': () => ({ a: new Uint8Array(500_000), b: new Uint8Array(500_000) }),
  '1500 files in one folder': () => Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`d/${i}`, noise(i, 9)])),
  '6000 files with long names (HAMT)': () =>
    Object.fromEntries(Array.from({ length: 6000 }, (_, i) => [`deep/${'n'.repeat(36)}${i}`, noise(i % 7, 3)])),
  'folders and empty folders in a HAMT': () => Object.fromEntries(Array.from({ length: 4500 }, (_, i) =>
    [`${'x'.repeat(40)}${i}${i % 9 === 0 ? '/in/file' : ''}`, i % 5 === 0 && i % 9 !== 0 ? null : noise(i % 3, 3)])),
  '5000 folders, which the importer does not count': () =>
    Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`${'f'.repeat(40)}${i}/x`, noise(0, 3)]))
}

describe('our tree', () => {
  for (const [title, make] of Object.entries(folders)) {
    it(`has the root that the importer gives: ${title}`, async () => {
      const folder = make()
      const ours = await buildTree(folder)
      const theirs = await importTree(folder, {}, true)
      expect(String(ours.manifest.root)).toBe(String(theirs.root))
    })
  }

  it('has the root that the importer gives at the HAMT threshold, to the byte', async () => {
    // a link of a 1-byte file with a name of n bytes takes n + 45 bytes
    for (const last of [0, 1, 2, 3, 4, 5]) {
      const folder: Folder = Object.fromEntries(Array.from({ length: 2849 }, (_, i) =>
        [`${String(i).padStart(5, '0')}${'y'.repeat(42)}`, noise(1, 1)]))
      folder[`z${'y'.repeat(23 + last)}`] = noise(1, 1)
      const ours = await buildTree(folder)
      expect(String(ours.manifest.root)).toBe(String((await importTree(folder, {}, true)).root))
    }
  })

  it('has the file node that the importer gives at every edge of a level', async () => {
    for (const count of [1, 2, 1023, 1024, 1025, 2047, 2048, 2049, 3000]) {
      const block = noise(1, 8)
      const content = new Uint8Array(count * 8)
      for (let i = 0; i < count; i++) content.set(block, i * 8)
      const store = new MapStore()
      const builder = new TreeBuilder({ hash, onNode: (cid, bytes) => { store.put(cid, bytes) } })
      await builder.addFile('f', Array.from({ length: count }, () => ({ digest: sha256(block), sizeBytes: 8 })))
      const theirs = await importTree({ f: content }, { profile: 'unixfs-v1-2025', chunker: fixedSize({ chunkSize: 8 }) })
      const { root } = await builder.finish()
      expect(String(root), `${count} blocks`).toBe(String(theirs.root))
      store.put(cidOfDigest(sha256(block)), block)
      const back = await resolveManifest(root, { getNodes: store.getNodes, hash })
      expect(prints(readFiles(back, store))).toEqual(prints({ f: content }))
    }
  })

  it('is read by ipfs-unixfs-exporter file by file', async () => {
    for (const title of Object.keys(folders).filter(name => !name.includes('5000'))) {
      const folder = folders[title]?.() ?? {}
      const { manifest, store } = await buildTree(folder)
      const root = String(manifest.root)
      const seen: Folder = {}
      for await (const entry of recursive(manifest.root, store)) {
        const file = await exporter(entry.cid, store)
        if (!('content' in file)) continue
        const parts: Uint8Array[] = []
        for await (const part of file.content()) parts.push(part)
        seen[entry.path.slice(root.length + 1)] = Uint8Array.from(Buffer.concat(parts))
      }
      const files = Object.fromEntries(Object.entries(folder).filter(([, content]) => content !== null))
      expect(prints(seen), title).toEqual(prints(files))
    }
  }, 20_000)

  it('is resolved to the manifest that it was built with', async () => {
    for (const make of Object.values(folders)) {
      const folder = make()
      const { manifest, store } = await buildTree(folder)
      const back = await resolveManifest(manifest.root, { getNodes: store.getNodes, hash })
      expect(back.files).toEqual(manifest.files)
      expect(back.emptyFolders).toEqual(manifest.emptyFolders)
      expect(back.blockCount).toBe(manifest.blockCount)
      expect(prints(readFiles(back, store))).toEqual(prints(folder))
    }
  }, 20_000)
})

describe('a tree of another tool', () => {
  const small = fixedSize({ chunkSize: 1000 })
  const layouts: Record<string, ImporterOptions> = {
    'default settings': {},
    'CID version 0': { cidVersion: 0, rawLeaves: false },
    'profile unixfs-v0-2015': { profile: 'unixfs-v0-2015' },
    'wrapped leaves of type file': { rawLeaves: false, leafType: 'file', chunker: small },
    'wrapped leaves of type raw': { rawLeaves: false, leafType: 'raw', chunker: small },
    'one leaf kept below a node': { reduceSingleLeafToSelf: false },
    'one wrapped leaf kept below a node': { reduceSingleLeafToSelf: false, rawLeaves: false },
    trickle: { layout: trickle({ layerRepeat: 2, maxChildrenPerNode: 3 }), chunker: small },
    'trickle, wrapped': { layout: trickle(), chunker: small, rawLeaves: false },
    flat: { layout: flat(), chunker: small },
    'balanced, narrow': { layout: balanced({ maxChildrenPerNode: 2 }), chunker: small },
    'HAMT by a low threshold': { shardSplitThresholdBytes: 10 },
    'HAMT of fan-out 16': { shardSplitThresholdBytes: 10, shardFanoutBits: 4 },
    'HAMT of fan-out 8': { shardSplitThresholdBytes: 10, shardFanoutBits: 3 },
    'data before links': { fieldOrder: 'data-first', chunker: small }
  }
  const folder: Folder = {
    'a/b/c.bin': noise(1, 123_456),
    'a/empty': empty,
    'a/one': noise(2, 1),
    big: noise(3, 600_000),
    'exact.bin': noise(4, 3000),
    none: null,
    twice: noise(3, 600_000),
    ...Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`many/${i}`, noise(i % 20, 30)]))
  }

  for (const [title, options] of Object.entries(layouts)) {
    it(`is resolved to the right bytes: ${title}`, async () => {
      const { root, store } = await importTree(folder, options)
      const manifest = await resolveManifest(root, { getNodes: store.getNodes, hash })
      expect(manifest.root.version).toBe(1)
      expect(prints(readFiles(manifest, store))).toEqual(prints(folder))
    })
  }

  it('with a bare file as root has one entry named by the root', async () => {
    const wrapped: ImporterOptions = { rawLeaves: false, cidVersion: 0 }
    for (const options of [{}, { rawLeaves: false }, wrapped, { chunker: small }]) {
      const { root, store } = await importTree({ f: noise(1, 9000) }, { wrapWithDirectory: false, ...options })
      const manifest = await resolveManifest(root, { getNodes: store.getNodes, hash })
      expect(prints(readFiles(manifest, store))).toEqual(prints({ [String(root.toV1())]: noise(1, 9000) }))
    }
    const { root, store } = await importTree({ f: empty }, { wrapWithDirectory: false })
    expect((await resolveManifest(CID.parse(String(root)), { getNodes: store.getNodes, hash })).blockCount).toBe(0)
  })

  it('needs a round trip a level, not a node', async () => {
    const { root, store } = await importTree(folder, { chunker: small, layout: balanced({ maxChildrenPerNode: 200 }) })
    await resolveManifest(root, { getNodes: store.getNodes, hash })
    expect(store.batches).toBeLessThanOrEqual(5)
  })
})
