import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { identityOf } from '../../src/files/file-identity.ts'
import { cidOfDigest } from '../../src/model/block-id.ts'
import { resolveManifest } from '../../src/model/resolve.ts'
import { openStore } from '../../src/store/open-store.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { hash, importTree, noise } from '../model/tree-fixtures.ts'
import { addrOf, printsOf, startNode, target, writeFiles } from './nodes.ts'
import type { ImporterOptions } from 'ipfs-unixfs-importer'
import type { Files } from './nodes.ts'

/** A state folder that holds a tree of another tool over files on this disk, as if they had been pulled. */
async function foreignState (files: Files, options: ImporterOptions): Promise<{
  state: string, dir: string, root: CID
}> {
  const { root, store: imported } = await importTree(files, options)
  const manifest = await resolveManifest(root, { hash, getNodes: imported.getNodes })
  const [state, dir] = [await tempFolder(), await writeFiles(files)]
  const store = await openStore(state)
  const nodes = [...imported.blocks].map(([digest, bytes]) =>
    ({ cid: cidOfDigest(Buffer.from(digest, 'hex'), 0x70), bytes }))
  await store.nodes.putNodes(nodes)
  const records = []
  for (const file of manifest.files) {
    const absolute = join(dir, file.path)
    const identity = await identityOf(absolute)
    const { digests, sizes } = manifest.blocksOf(file)
    await store.places.replaceFile({ path: absolute, identity, leaf: file.leaf }, digests, sizes)
    records.push({ path: file.path, absolute, identity })
  }
  await store.models.put({
    root: manifest.root.toString(),
    name: 'foreign',
    path: dir,
    origin: 'pulled',
    totalBytes: manifest.totalBytes,
    blockCount: manifest.blockCount,
    distinctBytes: manifest.distinctBytes,
    heldBytes: manifest.totalBytes,
    files: records,
    createdAtMs: 0
  })
  await store.close()
  return { state, dir, root: manifest.root }
}

describe('a tree of another tool', () => {
  const files: Files = {
    'a.bin': noise(1, 1_500_000), 'sub/b.bin': noise(2, 300_000), 'sub/c.txt': new TextEncoder().encode('text')
  }
  it.each<[string, ImporterOptions]>([
    ['raw leaves, CIDv1', { rawLeaves: true, cidVersion: 1 }],
    ['wrapped leaves, CIDv0', { rawLeaves: false, cidVersion: 0, leafType: 'file' }],
    ['wrapped leaves of type raw', { rawLeaves: false, cidVersion: 0, leafType: 'raw' }]
  ])('is served from the files and pulled, block by block: %s', async (_, options) => {
    const { state, dir, root } = await foreignState(files, options)
    const seeder = await startNode({ dir: state })
    const puller = await startNode()
    const out = await target()
    const pulled = await puller.pull(root.toString(), out, { peers: [addrOf(seeder)] })
    expect(await printsOf(out)).toEqual(await printsOf(dir))
    expect(pulled.from.peers).toBe(1_800_004)
    // and on from there
    await seeder.stop()
    const third = await target()
    await (await startNode()).pull(root.toString(), third, { peers: [addrOf(puller)] })
    expect(await printsOf(third)).toEqual(await printsOf(dir))
  })

  it('that is one raw block is a file named by its root', async () => {
    const bytes = new TextEncoder().encode('just these bytes')
    const root = cidOfDigest(createHash('sha256').update(bytes).digest())
    const state = await tempFolder()
    const dir = await writeFiles({ [root.toString()]: bytes })
    const store = await openStore(state)
    await store.nodes.putNodes([{ cid: root, bytes }])
    const absolute = join(dir, root.toString())
    const identity = await identityOf(absolute)
    await store.models.put({
      root: root.toString(),
      name: 'raw',
      path: dir,
      origin: 'pulled',
      totalBytes: bytes.byteLength,
      blockCount: 1,
      distinctBytes: bytes.byteLength,
      heldBytes: bytes.byteLength,
      files: [{ path: root.toString(), absolute, identity }],
      createdAtMs: 0
    })
    await store.close()
    const seeder = await startNode({ dir: state })
    const out = await target()
    await (await startNode()).pull(CID.parse(root.toString()).toString(), out, { peers: [addrOf(seeder)] })
    expect(await printsOf(out)).toEqual(await printsOf(dir))
  })
})
