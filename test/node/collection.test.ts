import { appendFile, chmod, open, readdir, rm, stat, truncate, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openCollection } from '../../src/index.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { honestModel, rawSeeder } from '../hostile/raw-seeder.ts'
import { noise } from '../model/tree-fixtures.ts'
import { eventually, printsOf, startNode, target, writeFiles } from './nodes.ts'
import type { RawPeer } from '../hostile/raw-peer.ts'
import type { Model } from '../hostile/raw-seeder.ts'
import type { Collection, PublishedModel } from '../../src/index.ts'

const BYTES = 3_000_000

interface Shared {
  state: string
  dir: string
  /** The large file. */
  file: string
  model: PublishedModel
  collection: Collection
}

async function shared (): Promise<Shared> {
  const state = await tempFolder()
  const dir = await writeFiles({ 'w.bin': noise(1, BYTES), 'small.txt': Uint8Array.of(1, 2, 3) })
  const node = await startNode({ dir: state })
  const model = await node.publish(dir)
  await node.stop()
  const collection = await openCollection({ dir: state })
  onTestFinished(async () => { await collection.close() })
  return { state, dir, file: join(dir, 'w.bin'), model, collection }
}

async function changeByte (path: string, at: number): Promise<void> {
  const handle = await open(path, 'r+')
  await handle.write(Uint8Array.of(0x5a), 0, 1, at)
  await handle.close()
}

describe('verify', () => {
  it('says what a path is where nothing is recorded of it', async () => {
    const { dir, file, model, collection } = await shared()
    await expect(collection.verify(file)).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_ROOT', message: expect.stringContaining(`is a file of the model at ${dir}`)
    })
    await expect(collection.verify(file)).rejects.toThrow(model.root)
    await expect(collection.verify(join(dir, 'nowhere'))).rejects.toMatchObject({ code: 'ERR_PATH_NOT_FOUND' })
    const other = await writeFiles({ 'x.bin': Uint8Array.of(1) })
    await expect(collection.verify(other)).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_ROOT', message: expect.stringContaining('nothing to compare it with')
    })
  })

  it('tells a part of a model from all of it', async () => {
    const { state, model, collection } = await shared()
    expect(await collection.verify(model.root)).toMatchObject({ isPart: false })
    const server = await startNode({ dir: state })
    const dir = await tempFolder()
    const puller = await startNode({ dir })
    await puller.pull(model.link, await target(), { include: ['small.txt'], peers: [...server.addrs] })
    await puller.stop()
    const pulled = await openCollection({ dir })
    onTestFinished(async () => { await pulled.close() })
    expect(await pulled.verify(model.root)).toMatchObject({ copies: 1, bytes: 3, goodBytes: 3, bad: [], isPart: true })
  })

  it('finds touched and chmod-ed files good, and believes them again', async () => {
    const { state, dir, file, model, collection } = await shared()
    await utimes(file, new Date(0), new Date(0))
    await chmod(file, 0o600)
    expect(await collection.verify(model.root)).toMatchObject({ goodBytes: BYTES + 3, bad: [] })
    await collection.close()
    const server = await startNode({ dir: state })
    const out = await target()
    await (await startNode()).pull(model.root, out, { peers: [...server.addrs], giveUpSeconds: 5 })
    expect(await printsOf(out)).toEqual(await printsOf(dir))
  })

  it('counts one bad block for one changed byte, and the file as good again when it is restored', async () => {
    const { file, model, collection } = await shared()
    const was = noise(1, BYTES)[1_000_000] ?? 0
    await changeByte(file, 1_000_000)
    const { bad, goodBytes } = await collection.verify(model.root)
    expect(bad).toEqual([{ path: 'w.bin', blocks: 1 }])
    expect(goodBytes).toBeGreaterThan(BYTES / 2)
    const handle = await open(file, 'r+')
    await handle.write(Uint8Array.of(was), 0, 1, 1_000_000)
    await handle.close()
    expect((await collection.verify(model.root)).bad).toEqual([])
    expect((await collection.list())[0]?.heldBytes).toBe(BYTES + 3)
  })

  it('finds a missing tail, bytes too many and a file that is gone', async () => {
    const { file, model, collection } = await shared()
    await truncate(file, BYTES - 1)
    expect((await collection.verify(model.root)).bad).toEqual([{ path: 'w.bin', blocks: 1 }])
    await truncate(file, BYTES)
    await appendFile(file, 'more')
    const { bad } = await collection.verify(model.root)
    expect(bad[0]?.path).toBe('w.bin')
    await rm(file)
    expect((await collection.verify(model.root)).goodBytes).toBe(3)
  })

  it('advises what repairs: pulling again with force', async () => {
    const { state, model } = await shared()
    const server = await startNode({ dir: state })
    const pullerState = await tempFolder()
    const out = await target()
    const puller = await startNode({ dir: pullerState })
    const peers = [...server.addrs]
    await puller.pull(model.root, out, { peers })
    await puller.stop()
    await changeByte(join(out, 'w.bin'), 5)
    const collection = await openCollection({ dir: pullerState })
    expect((await collection.verify(out)).bad).toEqual([{ path: 'w.bin', blocks: 1 }])
    await collection.close()
    const again = await (await startNode({ dir: pullerState })).pull(model.root, out, { peers, force: true })
    expect(again.from.peers).toBeLessThan(BYTES / 2)
  })
})

describe('list', () => {
  it('counts no file as held that was edited, also with its mtime put back', async () => {
    const { file, collection } = await shared()
    const { atime, mtime } = await stat(file)
    await changeByte(file, 5)
    await utimes(file, atime, mtime)
    expect((await collection.list())[0]?.heldBytes).toBe(3)
  })

  it('counts as held only files that are still there as they were indexed', async () => {
    const { file, collection } = await shared()
    expect((await collection.list())[0]?.heldBytes).toBe(BYTES + 3)
    await utimes(file, new Date(0), new Date(0))
    expect((await collection.list())[0]?.heldBytes).toBe(3)
    await rm(file)
    expect((await collection.list())[0]?.heldBytes).toBe(3)
  })
})

/** A peer that has everything and gives the first two blocks it is asked for; once allowed, all. */
async function seederOfTwo (): Promise<{ model: Model, peer: RawPeer, allow: () => void }> {
  const model = await honestModel()
  let left = 2
  const { peer } = await rawSeeder(model, {
    onBlock: (index, session) => { if (left-- > 0) session.give(index, model.block(index)) }
  })
  return { model, peer, allow: () => { left = Infinity } }
}

describe('list of pulls that have not ended', () => {
  it('has them with what is held, while they run and when they were broken off, until they are complete', async () => {
    const { model, peer, allow } = await seederOfTwo()
    const dir = await tempFolder()
    const out = await target()
    const root = model.root.toString()
    const collection = await openCollection({ dir })
    onTestFinished(async () => { await collection.close() })
    expect(await collection.list()).toEqual([])
    const node = await startNode({ dir })
    const controller = new AbortController()
    let bytes = 0
    const pulling = node.pull(root, out, {
      peers: [peer.addr],
      signal: controller.signal,
      onProgress: event => { if (event.type === 'progress') bytes = event.bytes }
    })
    pulling.catch(() => {})
    const known = { root, name: 'pulled', path: out, origin: 'pulled', isUnfinished: true }
    await eventually(async () => (await collection.list()).length === 1, 'the pull is listed')
    expect(await collection.list()).toMatchObject([known])
    await eventually(() => bytes > 0, 'blocks have come')
    controller.abort(new Error('enough'))
    await expect(pulling).rejects.toThrow('enough')
    const [listed] = await collection.list()
    expect(listed).toMatchObject(known)
    expect(listed?.heldBytes).toBeGreaterThanOrEqual(bytes)
    await expect(collection.verify(root)).rejects.toMatchObject({ code: 'ERR_UNKNOWN_ROOT', message: expect.stringContaining('complete') })
    await expect(collection.verify(out)).rejects.toMatchObject({ message: expect.stringContaining('complete') })
    expect(await collection.inspect(out)).toMatchObject({ root })
    allow()
    await node.pull(root, out, { peers: [peer.addr] })
    expect(await collection.list()).toMatchObject([{ root, path: out, heldBytes: listed?.bytes }])
    expect((await collection.list())[0]).not.toHaveProperty('isUnfinished')
  })

  it('counts nothing of files that are gone, and forgets them', async () => {
    const { model, peer } = await seederOfTwo()
    const dir = await tempFolder()
    const out = await target()
    const root = model.root.toString()
    const pulling = (await startNode({ dir })).pull(root, out, { peers: [peer.addr], giveUpSeconds: 0.5 })
    await expect(pulling).rejects.toMatchObject({ code: 'ERR_GAVE_UP' })
    const collection = await openCollection({ dir })
    onTestFinished(async () => { await collection.close() })
    expect((await collection.list())[0]?.heldBytes).toBeGreaterThan(0)
    await rm(out, { recursive: true })
    expect(await collection.list()).toMatchObject([{ root, heldBytes: 0, isUnfinished: true }])
    await collection.forget(root)
    expect(await collection.list()).toEqual([])
    await expect(collection.forget(root)).rejects.toMatchObject({ code: 'ERR_UNKNOWN_ROOT' })
  })

  it('is not forgotten while its pull runs, which would record it again', async () => {
    const { model, peer } = await seederOfTwo()
    const dir = await tempFolder()
    const root = model.root.toString()
    const controller = new AbortController()
    const options = { peers: [peer.addr], signal: controller.signal }
    const pulling = (await startNode({ dir })).pull(root, await target(), options).catch((err: unknown) => err)
    const collection = await openCollection({ dir })
    onTestFinished(async () => { await collection.close() })
    await eventually(async () => (await collection.list()).length === 1, 'the pull is listed')
    await expect(collection.forget(root)).rejects.toMatchObject({
      code: 'ERR_TARGET_BUSY', message: expect.stringContaining(`process ${process.pid} is pulling into`)
    })
    controller.abort(new Error('enough'))
    await pulling
    await collection.forget(root)
    expect(await collection.list()).toEqual([])
  })
})

describe('a collection', () => {
  it('takes no empty path for the current folder', async () => {
    const { collection } = await shared()
    await expect(collection.verify('')).rejects.toMatchObject({ code: 'ERR_BAD_OPTION' })
    await expect(collection.inspect('')).rejects.toMatchObject({ code: 'ERR_BAD_OPTION' })
  })
})

describe('a collection', () => {
  it('ends with the reason of a signal, also for what is indexed already', async () => {
    const { state, dir, model, collection } = await shared()
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    for (const what of [dir, model.root]) {
      await expect(collection.inspect(what, { signal, tensors: true })).rejects.toBe(reason)
      await expect(collection.verify(what, { signal })).rejects.toBe(reason)
    }
    await expect(openCollection({ dir: state, signal })).rejects.toBe(reason)
    const late = new AbortController()
    const inspecting = collection.inspect(dir, { signal: late.signal })
    late.abort(reason)
    await expect(inspecting).rejects.toBe(reason)
  })

  it('says that it was closed, whatever is asked of it', async () => {
    const { dir, model, collection } = await shared()
    await collection.close()
    await collection.close()
    const calls = [
      collection.list(), collection.inspect(dir), collection.inspect(model.root), collection.verify(model.root),
      collection.verify(dir), collection.forget(model.root)
    ]
    for (const one of await Promise.allSettled(calls)) {
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'ERR_STOPPED' } })
    }
  })
})

describe('a collection of a state folder that is not there', () => {
  it('is empty and makes none, when told so', async () => {
    const parent = await tempFolder()
    const collection = await openCollection({ dir: join(parent, 'state'), create: false })
    const root = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
    const unknown = { code: 'ERR_UNKNOWN_ROOT', message: `${root} is not in this state folder; "modelswarm ls" lists what is` }
    expect(await collection.list()).toEqual([])
    await expect(collection.verify(root)).rejects.toMatchObject(unknown)
    await expect(collection.forget(root)).rejects.toMatchObject(unknown)
    await expect(collection.inspect(root)).rejects.toMatchObject(unknown)
    await expect(collection.verify(parent)).rejects.toMatchObject({ code: 'ERR_UNKNOWN_ROOT' })
    await expect(collection.verify(join(parent, 'none'))).rejects.toMatchObject({ code: 'ERR_PATH_NOT_FOUND' })
    await collection.close()
    expect(await readdir(parent)).toEqual([])
  })
})

describe('publish', () => {
  it('takes a folder and its subfolder several times at once', async () => {
    const dir = await writeFiles({ 'a/w.bin': noise(1, BYTES), 'a/x.bin': noise(2, 300_000), 'y.bin': noise(3, 9) })
    const node = await startNode()
    const paths = [dir, dir, join(dir, 'a'), dir, join(dir, 'a'), join(dir, 'a')]
    const models = await Promise.all(paths.map(async path => await node.publish(path)))
    expect(new Set(models.map(model => model.root)).size).toBe(2)
    expect((await node.publish(dir)).root).toBe(models[0]?.root)
    const out = await target()
    await (await startNode()).pull(models[0]?.root ?? '', out, { peers: [...node.addrs], giveUpSeconds: 5 })
    expect(await printsOf(out)).toEqual(await printsOf(dir))
  })
})
