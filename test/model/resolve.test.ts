import { encode } from '@ipld/dag-pb'
import fc from 'fast-check'
import { UnixFS } from 'ipfs-unixfs'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'
import { isModelswarmError } from '../../src/errors.ts'
import { cidOfDigest, DAG_PB_CODEC } from '../../src/model/block-id.ts'
import { wrapLeaf } from '../../src/model/leaf.ts'
import { resolveManifest } from '../../src/model/resolve.ts'
import { TREE_LIMITS } from '../../src/model/tree-limits.ts'
import { buildTree, hash, importTree, MapStore, noise, readFiles, sha256 } from './tree-fixtures.ts'
import type { Manifest } from '../../src/model/manifest.ts'
import type { UnixFSOptions } from 'ipfs-unixfs'

interface TestLink {
  Name?: string
  Tsize?: number
  Hash: CID
}

class Trees {
  readonly store = new MapStore()

  node (unixfs: UnixFSOptions | Uint8Array, links: TestLink[] = []): CID {
    const data = unixfs instanceof Uint8Array ? unixfs : new UnixFS(unixfs).marshal()
    return this.put(encode({ Data: data, Links: links }))
  }

  put (bytes: Uint8Array): CID {
    return this.store.put(cidOfDigest(sha256(bytes), DAG_PB_CODEC), bytes)
  }

  async resolve (root: CID): Promise<Manifest> {
    return await resolveManifest(root, { getNodes: this.store.getNodes, hash })
  }

  async refusal (root: CID): Promise<unknown> {
    return await this.resolve(root).then(() => 'nothing', (err: unknown) => err)
  }
}

function raw (size: number): CID {
  return cidOfDigest(sha256(noise(size, size)))
}

describe('resolveManifest', () => {
  it('refuses nodes that are not files or folders, in words', async () => {
    const trees = new Trees()
    const refused: [CID, RegExp][] = [
      [trees.node({ type: 'symlink', data: Buffer.from('/etc/passwd') }), /symlink/],
      [trees.node({ type: 'metadata' }), /metadata/],
      [trees.node(Uint8Array.from([0x08, 0x63])), /not UnixFS/],
      [trees.put(encode({ Links: [] })), /without UnixFS/]
    ]
    for (const [cid, words] of refused) {
      expect(await trees.refusal(cid)).toMatchObject({ code: 'ERR_UNSUPPORTED_TREE', message: expect.stringMatching(words) })
      const folder = trees.node({ type: 'directory' }, [{ Name: 'x', Tsize: 10, Hash: cid }])
      expect(await trees.refusal(folder)).toMatchObject({ code: 'ERR_UNSUPPORTED_TREE', message: expect.stringMatching(words) })
    }
    expect(await trees.refusal(trees.put(noise(1, 50)))).toMatchObject({ code: 'ERR_BAD_TREE' })
  })

  it('refuses other codecs, other hashes, blocks inside their CID, and leaves over 2 MiB', async () => {
    const trees = new Trees()
    const digest = sha256(noise(1, 1))
    const links: [CID, RegExp, number?][] = [
      [CID.createV1(0x71, Digest.create(0x12, digest)), /codec 0x71/],
      [CID.createV1(0x55, Digest.create(0x1b, digest)), /hash function 0x1b/],
      [CID.createV1(0x55, Digest.create(0, Uint8Array.from([1, 2, 3]))), /inside its own CID/],
      [raw(1), /2097153 bytes/, 2 * 1024 * 1024 + 1]
    ]
    for (const [cid, words, size = 3] of links) {
      const inFolder = trees.node({ type: 'directory' }, [{ Name: 'x', Tsize: size, Hash: cid }])
      const inFile = trees.node({ type: 'file', blockSizes: [BigInt(size)] }, [{ Name: '', Tsize: size, Hash: cid }])
      for (const root of [inFolder, inFile]) {
        expect(await trees.refusal(root)).toMatchObject({ code: 'ERR_UNSUPPORTED_TREE', message: expect.stringMatching(words) })
      }
    }
    expect(await trees.refusal(CID.createV1(0x71, Digest.create(0x12, digest)))).toMatchObject({ code: 'ERR_UNSUPPORTED_TREE' })
    const atLimit = trees.node({ type: 'directory' }, [{ Name: 'x', Tsize: 2 * 1024 * 1024, Hash: raw(1) }])
    expect((await trees.resolve(atLimit)).totalBytes).toBe(2 * 1024 * 1024)
  })

  it('refuses a file that mixes raw and wrapped leaves, but not a model that does', async () => {
    const trees = new Trees()
    const node = wrapLeaf('file', noise(1, 30))
    const wrapped = { Name: '', Tsize: node.byteLength, Hash: trees.put(node) }
    const plain = { Name: '', Tsize: 20, Hash: raw(20) }
    const mixed = trees.node({ type: 'file', blockSizes: [30n, 20n] }, [wrapped, plain])
    expect(await trees.refusal(mixed)).toMatchObject({ code: 'ERR_UNSUPPORTED_TREE', message: expect.stringMatching(/mixes/) })
    const a = trees.node({ type: 'file', blockSizes: [30n] }, [wrapped])
    const b = trees.node({ type: 'file', blockSizes: [20n] }, [plain])
    const both = trees.node({ type: 'directory' }, [{ Name: 'a', Tsize: 99, Hash: a }, { Name: 'b', Tsize: 99, Hash: b }])
    expect((await trees.resolve(both)).files.map(file => file.leaf)).toEqual(['wrapped', 'raw'])
  })

  it('refuses sizes that do not add up', async () => {
    const trees = new Trees()
    const plain = { Name: '', Tsize: 20, Hash: raw(20) }
    const inner = trees.node({ type: 'file', blockSizes: [20n] }, [plain])
    const bad = [
      trees.node({ type: 'file', blockSizes: [20n, 20n] }, [plain]),
      trees.node({ type: 'file', blockSizes: [] }, [plain]),
      trees.node({ type: 'file', blockSizes: [21n] }, [{ Name: '', Tsize: 500, Hash: inner }]),
      trees.node({ type: 'file', blockSizes: [20n, 21n] }, [plain, plain]),
      trees.node({ type: 'file', blockSizes: [2n ** 60n] }, [{ Name: '', Tsize: 500, Hash: inner }]),
      trees.node({ type: 'directory' }, [{ Name: 'x', Hash: raw(20) }]),
      trees.node({ type: 'file', blockSizes: [5n] }, [{ Name: '', Tsize: 500, Hash: trees.node({ type: 'directory' }) }])
    ]
    for (const root of bad) expect(await trees.refusal(root)).toMatchObject({ code: 'ERR_BAD_TREE' })
  })

  it('refuses to call a block or a node empty that is not', async () => {
    const trees = new Trees()
    const inner = trees.node({ type: 'file', blockSizes: [20n] }, [{ Name: '', Tsize: 20, Hash: raw(20) }])
    const bad = [
      trees.node({ type: 'directory' }, [{ Name: 'x', Tsize: 0, Hash: raw(20) }]),
      trees.node({ type: 'file', blockSizes: [0n] }, [{ Name: '', Tsize: 0, Hash: raw(20) }]),
      trees.node({ type: 'file', blockSizes: [0n] }, [{ Name: '', Tsize: 6, Hash: inner }])
    ]
    for (const root of bad) expect(await trees.refusal(root)).toMatchObject({ code: 'ERR_BAD_TREE' })
    const nothing = trees.node({ type: 'file' })
    const good = trees.node({ type: 'file', blockSizes: [0n, 0n, 30n] }, [
      { Name: '', Tsize: 0, Hash: raw(0) }, { Name: '', Tsize: 6, Hash: nothing },
      { Name: '', Tsize: wrapLeaf('file', noise(1, 30)).byteLength, Hash: trees.put(wrapLeaf('file', noise(1, 30))) }
    ])
    expect((await trees.resolve(good)).files[0]).toMatchObject({ sizeBytes: 30, slotCount: 1, leaf: 'wrapped' })
  })

  it('refuses a file node with both bytes and links', async () => {
    const trees = new Trees()
    const root = trees.node({ type: 'file', data: noise(1, 4), blockSizes: [20n] }, [{ Name: '', Tsize: 20, Hash: raw(20) }])
    expect(await trees.refusal(root)).toMatchObject({ code: 'ERR_UNSUPPORTED_TREE' })
  })

  it('refuses HAMT folders that contradict themselves', async () => {
    const trees = new Trees()
    const hamt = (links: TestLink[], fanout = 256n): CID => trees.node({ type: 'hamt-sharded-directory', fanout }, links)
    const file = { Tsize: 20, Hash: raw(20) }
    const bad = [
      hamt([{ Name: 'zzx', ...file }]), hamt([{ Name: '0', ...file }]), hamt([{ Name: '0A', ...file }]),
      hamt([{ Name: '0A', Tsize: 5, Hash: trees.node({ type: 'directory' }) }]),
      hamt([{ Name: '0A', Tsize: 5, Hash: hamt([], 16n) }]),
      hamt([{ Name: '0Ax', ...file }, { Name: '0Bx', ...file }])
    ]
    for (const root of bad) expect(await trees.refusal(root)).toMatchObject({ code: 'ERR_BAD_TREE' })
    expect(await trees.refusal(hamt([], 100n))).toMatchObject({ code: 'ERR_UNSUPPORTED_TREE' })
    expect((await trees.resolve(hamt([{ Name: '0Ax', ...file }]))).files[0]?.path).toBe('x')
  })

  it('refuses unsafe names and names that are there twice', async () => {
    const trees = new Trees()
    const root = (...names: string[]): CID =>
      trees.node({ type: 'directory' }, names.map(name => ({ Name: name, Tsize: 20, Hash: raw(20) })))
    for (const name of ['..', '', 'a/b', '/etc', 'CON', 'a\\b']) {
      expect(await trees.refusal(root(name)), name).toMatchObject({ code: 'ERR_UNSAFE_NAME' })
    }
    expect(await trees.refusal(root('A', 'a'))).toMatchObject({ code: 'ERR_UNSAFE_NAME' })
    expect(await trees.refusal(root('a', 'a'))).toMatchObject({ code: 'ERR_BAD_TREE' })
  })

  it('refuses a small tree that unfolds without end, at once', async () => {
    const trees = new Trees()
    for (const kind of ['directory', 'file'] as const) {
      let cid = raw(20)
      let size = 20n
      for (let level = 0; level < 8; level++) {
        const links = Array.from({ length: 174 }, (_, i) => ({
          Name: kind === 'file' ? '' : String(i).padStart(3, '0'), Tsize: level === 0 ? 20 : 1e6, Hash: cid
        }))
        const blockSizes = kind === 'file' ? links.map(() => size) : []
        cid = trees.node({ type: kind, blockSizes }, links)
        size *= 174n
      }
      const started = performance.now()
      expect(await trees.refusal(cid)).toMatchObject({ code: expect.stringMatching(/ERR_(TREE_LIMIT|BAD_TREE)/) })
      expect(performance.now() - started).toBeLessThan(1000)
    }
  })

  it('refuses a tree that is too deep, by its shortest or its longest way', async () => {
    const trees = new Trees()
    const deep = (levels: number): CID => {
      let cid = trees.node({ type: 'directory' })
      for (let i = 1; i < levels; i++) cid = trees.node({ type: 'directory' }, [{ Name: 'a', Tsize: 9, Hash: cid }])
      return cid
    }
    expect((await trees.resolve(deep(TREE_LIMITS.depth))).emptyFolders).toHaveLength(1)
    const before = trees.store.batches
    expect(await trees.refusal(deep(500))).toMatchObject({ code: 'ERR_TREE_LIMIT' })
    expect(trees.store.batches - before).toBeLessThanOrEqual(TREE_LIMITS.depth)
    const shortcut = trees.node({ type: 'directory' }, [
      { Name: 'a', Tsize: 9, Hash: deep(TREE_LIMITS.depth) }, { Name: 'b', Tsize: 9, Hash: deep(20) }
    ])
    expect(await trees.refusal(shortcut)).toMatchObject({ code: 'ERR_TREE_LIMIT' })
  })

  it('holds each limit that it is given', async () => {
    const { manifest, store } = await buildTree({ a: noise(1, 300_000), b: noise(2, 9), 'c/d': noise(3, 9) })
    for (const limit of ['nodes', 'entries', 'slots', 'pathBytes', 'depth', 'links'] as const) {
      const parts = { getNodes: store.getNodes, hash, limits: { ...TREE_LIMITS, [limit]: 1 } }
      await expect(resolveManifest(manifest.root, parts), limit).rejects.toMatchObject({ code: 'ERR_TREE_LIMIT' })
    }
    const huge = store.put(cidOfDigest(sha256(new Uint8Array(3e6)), DAG_PB_CODEC), new Uint8Array(3e6))
    await expect(resolveManifest(huge, { getNodes: store.getNodes, hash })).rejects.toMatchObject({ code: 'ERR_TREE_LIMIT' })
  })

  it('verifies every node, and stops when told to', async () => {
    const { manifest, store } = await buildTree({ a: noise(1, 300_000) })
    const getNodes = async (): Promise<Uint8Array[]> => [noise(1, 50)]
    await expect(resolveManifest(manifest.root, { getNodes, hash })).rejects.toMatchObject({ code: 'ERR_BAD_BLOCK' })
    const signal = AbortSignal.abort(new Error('stop'))
    await expect(resolveManifest(manifest.root, { getNodes: store.getNodes, hash, signal })).rejects.toThrow('stop')
  })

  it('asks for each distinct node once and for no leaf', async () => {
    const folder = { a: noise(1, 2e6), b: noise(1, 2e6), c: noise(9, 2e6) }
    const { root, store } = await importTree(folder, { rawLeaves: false })
    const asked: string[] = []
    const getNodes = async (cids: CID[]): Promise<Uint8Array[]> => {
      asked.push(...cids.map(String))
      return await store.getNodes(cids)
    }
    const manifest = await resolveManifest(root, { getNodes, hash })
    expect(asked).toHaveLength(3)
    expect(new Set(asked).size).toBe(3)
    expect(readFiles(manifest, store)['a']?.byteLength).toBe(2e6)
  })

  it('throws nothing but errors of this library for mutated nodes', async () => {
    const trees = [await importTree({ a: noise(1, 900), 'b/c': noise(2, 9), d: null }, { chunker: fixedSize({ chunkSize: 100 }) }),
      await importTree({ a: noise(1, 3), b: noise(2, 9) }, { shardSplitThresholdBytes: 1, rawLeaves: false })]
    const nodes = trees.flatMap(({ store }) => [...store.blocks.values()].filter(bytes => bytes.byteLength > 60))
    const node = fc.constantFrom(...nodes)
    const edits = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 5 })
    await fc.assert(fc.asyncProperty(node, edits, async (original, changes) => {
      const bytes = original.slice()
      for (const [at, value] of changes) bytes[at % bytes.byteLength] = value
      const store = new MapStore()
      for (const tree of trees) for (const [key, value] of tree.store.blocks) store.blocks.set(key, value)
      const root = store.put(cidOfDigest(sha256(bytes), DAG_PB_CODEC), bytes)
      try {
        await resolveManifest(root, { getNodes: store.getNodes, hash })
      } catch (err) {
        const isOurs = isModelswarmError(err) || (err instanceof Error && err.message.startsWith('No block'))
        if (!isOurs) throw err
      }
    }), { numRuns: 1000 })
  })

  it('takes a file with a mode, and refuses a single wrapped leaf with one', async () => {
    const store = new MapStore()
    const { importer } = await import('ipfs-unixfs-importer')
    const roots: CID[] = []
    for await (const entry of importer([{ path: 'big', content: noise(1, 3e6), mode: 0o700 }, { path: 'small', content: noise(1, 3), mode: 0o700 }], store)) {
      roots.push(entry.cid)
    }
    const [big, small] = roots
    expect((await resolveManifest(big ?? raw(1), { getNodes: store.getNodes, hash })).totalBytes).toBe(3e6)
    await expect(resolveManifest(small ?? raw(1), { getNodes: store.getNodes, hash })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED_TREE' })
  })
})
