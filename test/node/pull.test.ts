import { stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isModelswarmError, ModelswarmError, openCollection } from '../../src/index.ts'
import { noise } from '../model/tree-fixtures.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { addrOf, eventually, forgotten, printsOf, someFiles, startNode, target, writeFiles } from './nodes.ts'
import { playedSeeder } from './played-seeder.ts'
import type { Node, NodeOptions, PublishedModel, PullEvent } from '../../src/index.ts'
import type { Files } from './nodes.ts'

interface Published {
  publisher: Node
  model: PublishedModel
  dir: string
}

async function published (files: Files = someFiles(), own: Partial<NodeOptions> = {}): Promise<Published> {
  const publisher = await startNode(own)
  const dir = await writeFiles(files)
  return { publisher, dir, model: await publisher.publish(dir) }
}

async function failure (promise: Promise<unknown>): Promise<ModelswarmError> {
  try {
    await promise
  } catch (err) {
    if (err instanceof ModelswarmError) return err
    throw err
  }
  throw new Error('It did not fail')
}

const bytesOf = (files: Files): number => Object.values(files).reduce((sum, bytes) => sum + bytes.byteLength, 0)

describe('a pull', () => {
  it.each<[string, Files]>([
    ['files, folders, empty ones, repeated blocks', someFiles()],
    ['one small file', { 'a.txt': new TextEncoder().encode('hello') }],
    ['one empty file', { 'empty.bin': new Uint8Array(0) }],
    ['nothing but an empty folder in a file-less tree', { 'folder/empty/': new Uint8Array(0), 'x.txt': Uint8Array.of(1) }],
    ['many small files', Object.fromEntries(Array.from({ length: 300 }, (_, i) =>
      [`d${i % 7}/file-${i}.txt`, new TextEncoder().encode(`content ${i % 50}`)]))],
    ['names beyond ASCII', { 'über/模型.bin': noise(5, 100_000), 'sp ace': Uint8Array.of(1) }]
  ])('gives the files that were published: %s', async (_, files) => {
    const { publisher, model, dir } = await published(files)
    const puller = await startNode()
    const out = await target()
    const pulled = await puller.pull(model.link, out)
    expect(await printsOf(out)).toEqual(await printsOf(dir))
    expect(pulled.bytes).toBe(bytesOf(files))
    expect(pulled.held + pulled.from.peers + pulled.from.local + pulled.from.origins).toBe(pulled.bytes)
    expect(pulled.wireBytes).toBe(publisher.sentBytes)
  })

  it('gives a single file that was published, in the folder', async () => {
    const publisher = await startNode()
    const dir = await writeFiles({ 'tiny.gguf': noise(3, 200_000) })
    const model = await publisher.publish(join(dir, 'tiny.gguf'))
    const out = await target()
    await (await startNode()).pull(model.link, out)
    expect(await printsOf(out)).toEqual(await printsOf(dir))
  })

  it('makes no copy of what is published', async () => {
    const publisher = await startNode({ dir: await tempFolder() })
    const dir = await writeFiles({ 'w.bin': noise(1, 4_000_000) })
    const before = await stat(join(dir, 'w.bin'))
    await publisher.publish(dir)
    const after = await stat(join(dir, 'w.bin'))
    expect([after.ino, after.mtimeMs, after.nlink]).toEqual([before.ino, before.mtimeMs, before.nlink])
  })

  it('fetches nothing when everything is there already', async () => {
    const { model } = await published()
    const puller = await startNode()
    const out = await target()
    await puller.pull(model.link, out)
    const again = await puller.pull(model.link, out)
    expect(again.held).toBe(again.bytes)
    expect(again.from).toEqual({ peers: 0, origins: 0, local: 0 })
  })

  it('says nothing of peers while it copies on this machine, and that none is known only when it needs one', async () => {
    const { model, dir } = await published()
    const node = await startNode()
    await node.publish(dir)
    const notes: string[] = []
    const onProgress = (event: PullEvent): void => { if (event.type === 'note') notes.push(event.message) }
    await node.pull(model.root, await target(), { onProgress })
    expect(notes).toEqual([])
    const state = await tempFolder()
    const earlier = await startNode({ dir: state })
    await earlier.inspect(model.link)
    await earlier.stop()
    const later = await startNode({ dir: state })
    const lonely = later.pull(model.root, await target(), { onProgress, giveUpSeconds: 0.5 })
    await expect(lonely).rejects.toMatchObject({ code: 'ERR_GAVE_UP' })
    expect(notes[0]).toMatch(/^No address of a peer is known yet/)
  })

  it('copies from this machine what another folder has, and fetches no byte of it', async () => {
    const { model } = await published()
    const puller = await startNode()
    const first = await puller.pull(model.link, await target())
    const out = await target()
    const second = await puller.pull(model.link, out)
    expect([second.from.peers, second.from.local]).toEqual([0, second.bytes])
    expect(first.from.peers).toBeGreaterThan(0)
  })

  it('copies what an unfinished pull holds, also while that goes on, and fetches the rest', async () => {
    const files = { 'w.bin': noise(5, 4_000_000) }
    const half = 30 * 65_536
    const seeder = await playedSeeder(files, { isHeld: block => block < 30 })
    const peers = [seeder.addr]
    const [dir, first, out] = [await tempFolder(), await target(), await target()]
    const puller = await startNode({ dir })
    await expect(puller.pull(seeder.root, first, { peers, giveUpSeconds: 0.5 })).rejects.toMatchObject({ code: 'ERR_GAVE_UP' })
    let local = 0
    const goesOn = puller.pull(seeder.root, first, { peers })
    const other = (await startNode({ dir })).pull(seeder.root, out, {
      peers, onProgress: event => { if (event.type === 'progress') ({ local } = event.from) }
    })
    const both = Promise.all([goesOn, other])
    await Promise.race([both, eventually(() => local === half, 'all that is held there is copied')])
    seeder.holdAll()
    const [resumed, copied] = await both
    expect([resumed.held, copied.from.local]).toEqual([half, half])
    expect(copied.from.peers).toBe(4_000_000 - half)
    expect(await printsOf(out)).toEqual(await printsOf(await writeFiles(files)))
  })

  it('fetches of a changed model only what changed', async () => {
    const files = someFiles()
    const { publisher, model } = await published(files)
    const puller = await startNode()
    await puller.pull(model.link, await target())
    const changed = { ...files, 'weights/part-2.bin': noise(77, 500_000) }
    const next = await publisher.publish(await writeFiles(changed))
    const out = await target()
    const pulled = await puller.pull(next.link, out)
    expect(pulled.from.peers).toBe(500_000)
  })

  it('goes on where an aborted one ended', async () => {
    const { model, dir } = await published(someFiles(1, 30_000_000))
    const puller = await startNode()
    const out = await target()
    const controller = new AbortController()
    const reason = new Error('aborted by the test')
    const onProgress = (event: PullEvent): void => {
      if (event.type === 'progress' && event.bytes > 1_000_000) controller.abort(reason)
    }
    const events = puller.pull(model.link, out, { signal: controller.signal, onProgress })
    // a fast machine may be done before the first look: then the second pull holds everything
    const first = await events.then(() => undefined, (err: unknown) => err)
    if (first !== undefined) expect(first).toBe(reason)
    const again = await puller.pull(model.link, out)
    expect(again.held).toBeGreaterThan(1_000_000)
    expect(await printsOf(out)).toEqual(await printsOf(dir))
  })

  it('takes only the files that are asked for', async () => {
    const { publisher, model, dir } = await published()
    const out = await target()
    const events: PullEvent[] = []
    const pulled = await (await startNode()).pull(model.link, out, {
      include: ['**/part-2.bin', '*.json'], onProgress: event => { events.push(event) }
    })
    const all = await printsOf(dir)
    expect(await printsOf(out)).toEqual({
      'config.json': all['config.json'], 'weights/part-2.bin': all['weights/part-2.bin']
    })
    expect(pulled.bytes).toBe(1_000_012)
    expect(events).toContainEqual(expect.objectContaining({ type: 'resolved', files: model.files.length, wantedFiles: 2, wantedBytes: 1_000_012 }))
    // nothing of the other files was sent
    expect(publisher.sentBytes).toBeLessThan(1_000_012 + 20_000)
  })

  it('keeps what an earlier one of other files brought into the same folder, and serves it', async () => {
    const { publisher, model, dir } = await published()
    const [state, out] = [await tempFolder(), await target()]
    const node = await startNode({ dir: state })
    await node.pull(model.link, out, { include: ['weights/part-1.bin', 'config.json'] })
    await writeFile(join(out, 'config.json'), 'other bytes')
    const second = await node.pull(model.link, out, { include: ['weights/part-2.bin'] })
    expect([second.bytes, second.files.map(file => file.path)]).toEqual([1_000_000, ['weights/part-2.bin']])
    const collection = await openCollection({ dir: state })
    expect(await collection.list()).toMatchObject([{ heldBytes: 4_000_000, path: out }])
    expect(await collection.verify(model.root)).toMatchObject({ bytes: 4_000_000, goodBytes: 4_000_000, bad: [] })
    await collection.close()
    await publisher.stop()
    const copy = await target()
    await (await startNode()).pull(model.root, copy, { peers: [addrOf(node)], include: ['weights/*'], giveUpSeconds: 5 })
    const all = await printsOf(dir)
    expect(await printsOf(copy)).toEqual({
      'weights/part-1.bin': all['weights/part-1.bin'], 'weights/part-2.bin': all['weights/part-2.bin']
    })
  })

  it('says so when no file matches', async () => {
    const { model } = await published()
    const err = await failure((await startNode()).pull(model.link, await target(), { include: ['*.nothing'] }))
    expect(err.code).toBe('ERR_INCLUDE_EMPTY')
  })

  it('refuses files in the target that differ, naming them, and replaces them when told to', async () => {
    const { model, dir } = await published()
    const puller = await startNode()
    const out = await writeFiles({ 'config.json': new TextEncoder().encode('mine') }, await target())
    const err = await failure(puller.pull(model.link, out))
    expect(err.code).toBe('ERR_TARGET_DIFFERS')
    expect(err.message).toContain('config.json')
    await puller.pull(model.link, out, { force: true })
    expect(await printsOf(out)).toEqual(await printsOf(dir))
  })

  it('repairs a file of the target that was cut short, from what is left of it', async () => {
    const { model, dir } = await published()
    const puller = await startNode()
    const out = await target()
    await puller.pull(model.link, out)
    await truncate(join(out, 'weights/part-1.bin'), 1_000_000)
    await puller.pull(model.link, out, { force: true })
    expect(await printsOf(out)).toEqual(await printsOf(dir))
  })

  it('believes nothing of a file that changed after it was published', async () => {
    const notes: string[] = []
    const { model, dir } = await published({ 'w.bin': noise(1, 500_000) }, { onNote: note => { notes.push(note) } })
    await writeFile(join(dir, 'w.bin'), noise(2, 500_000))
    await utimes(join(dir, 'w.bin'), new Date(), new Date(Date.now() + 5000))
    await forgotten()
    const err = await failure((await startNode()).pull(model.link, await target(), { giveUpSeconds: 1 }))
    expect(err.code).toBe('ERR_GAVE_UP')
    expect(err.message).toContain('1 of 1 connected peers could not read their own files')
    expect(notes).toEqual([expect.stringMatching(/w\.bin changed since it was published or pulled: .*share it again$/)])
  })

  it('lets one of two pulls into a target win', async () => {
    const { model } = await published(someFiles(1, 10_000_000))
    const out = await target()
    const [a, b] = [await startNode(), await startNode()]
    const results = await Promise.allSettled([a.pull(model.link, out), b.pull(model.link, out)])
    const failed = results.flatMap(result => result.status === 'rejected' ? [result.reason] : [])
    for (const err of failed) expect(isModelswarmError(err, 'ERR_TARGET_BUSY')).toBe(true)
    expect(failed.length).toBeLessThanOrEqual(1)
  })

  it('finds a model by its bare root and an address, with or without a peer id', async () => {
    const { publisher, model, dir } = await published()
    const addr = addrOf(publisher)
    for (const peer of [addr, addr.replace(/\/p2p\/.*/, '')]) {
      const out = await target()
      await (await startNode()).pull(model.root, out, { peers: [peer] })
      expect(await printsOf(out)).toEqual(await printsOf(dir))
    }
  })

  it('gives up on a root that the peer does not know, and says what it was told', async () => {
    const { publisher } = await published()
    const root = 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi'
    const puller = await startNode()
    const err = await failure(puller.pull(root, await target(), { peers: [addrOf(publisher)], giveUpSeconds: 1 }))
    expect(err.code).toBe('ERR_GAVE_UP')
    expect(err.message).toContain('does not know this root')
    expect(err.message).not.toContain('firewall')
    expect(err.message).not.toContain('could be reached')
  })

  it('gives up on a peer that cannot be reached, and says what to check', async () => {
    const { publisher, model } = await published()
    const addr = addrOf(publisher)
    await publisher.stop()
    const puller = await startNode()
    const err = await failure(puller.pull(model.link, await target(), { giveUpSeconds: 1 }))
    expect(err.code).toBe('ERR_GAVE_UP')
    expect(err.message).toContain(addr.replace(/\/p2p\/.*/, ''))
    expect(err.message).toMatch(/address and port.*firewall or NAT/)
  })

  it('says in human words who answers instead of the peer', async () => {
    const { publisher, model } = await published()
    const puller = await startNode()
    const wrongId = addrOf(publisher).replace(/[^/]+$/, puller.peerId)
    const other = await startNode()
    const err = await failure(other.pull(model.root, await target(), { peers: [wrongId], giveUpSeconds: 1 }))
    expect(err.message).toContain('another peer answers there')
    expect(err.message).not.toContain('firewall')
  })

  it('leaves out an address of the link that is none, with a note, and uses the others', async () => {
    const { publisher, model, dir } = await published()
    const notes: string[] = []
    const puller = await startNode({ onNote: note => { notes.push(note) } })
    const [good] = addrOf(publisher).split('/p2p/')
    const out = await target()
    await puller.pull(`modelswarm:${model.root},at=/ip4/nonsense,id=${publisher.peerId},at=/foo/bar,at=${good}`, out)
    expect(await printsOf(out)).toEqual(await printsOf(dir))
    expect(notes).toHaveLength(2)
    expect(notes[0]).toContain('/ip4/nonsense is no multiaddr and was left out')
  })

  it('says that no address is known when there is none', async () => {
    const { model } = await published()
    const err = await failure((await startNode()).pull(model.root, await target(), { giveUpSeconds: 0.5 }))
    expect(err.message).toContain('--peer')
  })

  it('ends with the reason of its signal, at once', async () => {
    const { model } = await published()
    const puller = await startNode()
    const reason = new Error('enough')
    await expect(puller.pull(model.link, await target(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const onProgress = (event: PullEvent): void => { if (event.type === 'started') controller.abort(reason) }
    const pull = puller.pull(model.root, await target(), { signal: controller.signal, onProgress })
    await expect(pull).rejects.toBe(reason)
  })

  it('ends when its node stops, and the node refuses work after that', async () => {
    const { model } = await published()
    const puller = await startNode()
    const pull = failure(puller.pull(model.root, await target()))
    await puller.stop()
    expect((await pull).code).toBe('ERR_STOPPED')
    expect((await failure(puller.pull(model.root, await target()))).code).toBe('ERR_STOPPED')
    await puller.stop()
  })
})

it('the done event of a pull is a value of its own', async () => {
  const seeder = await startNode()
  const { root } = await seeder.publish(await writeFiles(someFiles()))
  const events: PullEvent[] = []
  const onProgress = (event: PullEvent): void => { events.push(event) }
  const pulled = await (await startNode()).pull(root, await target(), { peers: [...seeder.addrs], onProgress })
  const done = events.find(event => event.type === 'done')
  expect(done?.from).toEqual(pulled.from)
  expect(done?.from).not.toBe(pulled.from)
})
