import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { ModelswarmError } from '../../src/errors.ts'
import { identityOf } from '../../src/files/file-identity.ts'
import { FileReaders } from '../../src/files/reader.ts'
import { openTarget } from '../../src/files/target.ts'
import { resolveManifest } from '../../src/model/resolve.ts'
import { copyLocal } from '../../src/pull/copy.ts'
import { ioError, onEveryHandle } from '../files/on-every-handle.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { buildTree, hash, noise } from '../model/tree-fixtures.ts'
import { tempStore } from '../store/temp-store.ts'
import type { Target } from '../../src/files/open-target.ts'
import type { Manifest } from '../../src/model/manifest.ts'
import type { Store } from '../../src/store/open-store.ts'
import type { TreeNode } from '../../src/store/tree-nodes.ts'
import type { Folder, MapStore } from '../model/tree-fixtures.ts'

const BLOCK = 65_536
const A = noise(1, 8 * BLOCK)
const FILES = { 'a.bin': A, 'sub/b.bin': noise(2, 4 * BLOCK) }

interface Model {
  manifest: Manifest
  store: MapStore
}

async function opened (dir: string, { manifest }: Model): Promise<Target> {
  const target = await openTarget(dir, manifest)
  onTestFinished(async () => { await target.close() })
  await target.verifyExisting({ check: async () => false })
  return target
}

/** What a pull of these blocks left in a folder when it was broken off. */
async function brokenOff (store: Store, model: Model, isHeld: (block: number) => boolean): Promise<string> {
  const dir = await tempFolder()
  const target = await opened(dir, model)
  for (const block of target.wanted.indexes()) {
    if (isHeld(block)) await target.write(block, model.store.bytes(model.manifest.cid(block)))
  }
  await target.finish()
  await store.held.record(model.manifest.root.toString(), dir, { held: target.held, files: await target.files() })
  await target.close()
  return dir
}

/** Copies into a fresh folder, or this one, what can be copied. */
async function copied (
  store: Store, model: Model, own: { into?: string, signal?: AbortSignal, onBlock?: () => void } = {}
) {
  const readers = new FileReaders()
  onTestFinished(async () => { await readers.close() })
  const target = await opened(own.into ?? await tempFolder(), model)
  const stats = { from: { peers: 0, origins: 0, local: 0 } }
  const [notes, announced] = [new Array<string>(), new Array<number>()]
  const announce = (block: number): void => {
    announced.push(block)
    own.onBlock?.()
  }
  const failure = await copyLocal(target, model.manifest, {
    store,
    readers,
    hash,
    stats,
    swarm: { announce },
    record: { onStored: () => {} },
    watch: { alive: () => {} },
    note: message => { notes.push(message) },
    signal: own.signal
  }).then(() => undefined, (err: unknown) => err)
  const held = [...target.held.indexes()]
  expect(announced).toEqual(held)
  return { target, notes, held, failure, openCount: readers.openCount, local: stats.from.local }
}

async function keepTree (store: Store, { manifest, store: blocks }: Model): Promise<void> {
  const nodes: TreeNode[] = []
  await resolveManifest(manifest.root, {
    hash,
    getNodes: async cids => cids.map(cid => {
      const bytes = blocks.bytes(cid)
      nodes.push({ cid, bytes })
      return bytes
    })
  })
  await store.nodes.putNodes(nodes)
}

const bytesRead = async (isIt: (path: string) => boolean): Promise<() => number> => {
  let reads = 0
  await onEveryHandle('read', isIt, () => { reads++ })
  return () => reads
}

describe('a pull that begins', () => {
  it('copies what another pull of its root holds, leaves no handle open, and changes nothing there', async () => {
    const [store, model] = [await tempStore(), await buildTree(FILES)]
    const other = await brokenOff(store, model, block => block % 3 !== 0)
    const before = await identityOf(join(other, 'a.bin.modelswarm-part'))
    // It runs, and has its lock.
    await opened(other, model)
    const { target, held, local, openCount, notes, failure } = await copied(store, model)
    expect(held).toEqual([1, 2, 4, 5, 7, 8, 10, 11])
    expect(local).toBe(8 * BLOCK)
    expect([openCount, notes, failure]).toEqual([0, [], undefined])
    for (const block of held) expect(await target.read(block)).toEqual(model.store.bytes(model.manifest.cid(block)))
    expect(await identityOf(join(other, 'a.bin.modelswarm-part'))).toEqual(before)
  })

  it('copies from a file that got its name since it was recorded, and from one that was recorded with it', async () => {
    const [store, model] = [await tempStore(), await buildTree(FILES)]
    const first = await brokenOff(store, model, block => block < 4)
    await rename(join(first, 'a.bin.modelswarm-part'), join(first, 'a.bin'))
    expect((await copied(store, model)).held).toEqual([0, 1, 2, 3])
    const second = await brokenOff(store, model, block => block < 8)
    expect(await readdir(second)).toContain('a.bin')
    expect((await copied(store, model)).held).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  it('believes no byte there without hashing it, and reads nothing that was not recorded', async () => {
    const [store, model] = [await tempStore(), await buildTree(FILES)]
    const other = await brokenOff(store, model, block => block < 6)
    const part = join(other, 'a.bin.modelswarm-part')
    const bytes = await readFile(part)
    bytes.fill(7, BLOCK, BLOCK + 10)
    await writeFile(part, bytes)
    const reads = await bytesRead(path => path === part)
    const { held, local, notes } = await copied(store, model)
    expect([held, local, notes]).toEqual([[0, 2, 3, 4, 5], 5 * BLOCK, []])
    expect(reads()).toBe(6)
  })

  it('finds files gone, replaced or cut short there no trouble', async () => {
    const [store, model] = [await tempStore(), await buildTree(FILES)]
    const parts = []
    for (let i = 0; i < 3; i++) parts.push(join(await brokenOff(store, model, block => block < 6), 'a.bin.modelswarm-part'))
    const [gone = '', replaced = '', short = ''] = parts
    await rm(gone)
    await writeFile(`${replaced}2`, A)
    await rename(`${replaced}2`, replaced)
    await writeFile(short, A.subarray(0, 2 * BLOCK))
    const reads = await bytesRead(path => path === replaced)
    const { held, notes } = await copied(store, model)
    expect([held, notes, reads()]).toEqual([[0, 1], [], 0])
  })

  it('says once that the disk fails there, and copies what it gives', async () => {
    const [store, model] = [await tempStore(), await buildTree(FILES)]
    const other = await brokenOff(store, model, () => true)
    await onEveryHandle('read', path => path === join(other, 'a.bin'), before => { if (before < 2) throw ioError() })
    const { held, notes } = await copied(store, model)
    expect(held).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    const isTold = /a\.bin: the disk failed .*; its blocks are fetched from peers instead$/
    expect(notes).toEqual([expect.stringMatching(isTold)])
  })

  it('copies the blocks it shares with a pull of another root, when the tree of that is here', async () => {
    const older: Folder = { 'old/a.bin': A, 'x.bin': noise(9, 3 * BLOCK) }
    const [store, model, other] = [await tempStore(), await buildTree(FILES), await buildTree(older)]
    await brokenOff(store, other, block => block % 2 === 1)
    expect((await copied(store, model)).held).toEqual([])
    await keepTree(store, other)
    const { target, held, local } = await copied(store, model)
    expect([held, local]).toEqual([[1, 3, 5, 7], 4 * BLOCK])
    for (const block of held) expect(await target.read(block)).toEqual(model.store.bytes(model.manifest.cid(block)))
  })

  it('does not end because the record or the tree of another pull is damaged', async () => {
    const [store, model, other] = [await tempStore(), await buildTree(FILES), await buildTree({ 'x.bin': A })]
    await brokenOff(store, other, () => true)
    await brokenOff(store, model, block => block > 9)
    await keepTree(store, other)
    const damaged = new ModelswarmError('ERR_STATE_DAMAGED', 'It is damaged')
    const getNode = vi.spyOn(store.nodes, 'getNode').mockImplementation(() => { throw damaged })
    expect(await copied(store, model)).toMatchObject({ held: [10, 11], failure: undefined, notes: [] })
    expect(getNode).toHaveBeenCalled()
    vi.spyOn(store.held, 'load').mockImplementation(() => { throw damaged })
    expect(await copied(store, model)).toMatchObject({ held: [], failure: undefined })
  })

  it('is not sent to its own files, nor to those that are indexed', async () => {
    const [store, model] = [await tempStore(), await buildTree(FILES)]
    const root = model.manifest.root.toString()
    const own = await brokenOff(store, model, block => block < 5)
    const complete = await brokenOff(store, model, () => true)
    const files = await Promise.all(['a.bin', 'sub/b.bin'].map(async path => {
      return { path, absolute: join(complete, path), identity: await identityOf(join(complete, path)) }
    }))
    const { totalBytes, blockCount, distinctBytes } = model.manifest
    const sizes = { totalBytes, blockCount, distinctBytes, heldBytes: totalBytes }
    await store.models.put({ root, name: 'm', path: complete, origin: 'pulled', ...sizes, files, createdAtMs: 1 })
    const reads = await bytesRead(path => path.startsWith(complete))
    expect((await copied(store, model, { into: own })).held).toEqual([])
    expect(reads()).toBe(0)
  })

  it('ends at once when it is aborted', async () => {
    const [store, model] = [await tempStore(), await buildTree(FILES)]
    await brokenOff(store, model, () => true)
    const controller = new AbortController()
    const reason = new Error('enough')
    const onBlock = (): void => { controller.abort(reason) }
    const { held, failure, openCount } = await copied(store, model, { signal: controller.signal, onBlock })
    expect([held, failure, openCount]).toEqual([[0], reason, 0])
  })
})
