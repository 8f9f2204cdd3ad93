// Inspecting what lies at peers, over real sockets: the tree, and of weights files their headers, comes and no more.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FETCHED_HEADER_BYTES } from '../../src/machine-defaults.ts'
import { array, makeGguf, makeSafetensors, pair, safetensorsOf, string, u32, u64 } from '../formats/make-files.ts'
import { rawSeeder, modelOf } from '../hostile/raw-seeder.ts'
import { buildTree, noise } from '../model/tree-fixtures.ts'
import { someFiles, startNode, target, writeFiles } from './nodes.ts'
import type { Files } from './nodes.ts'
import type { InspectedFile, Inspection, Node } from '../../src/index.ts'

/** Two tensors, the larger one of many blocks. */
function weights (seed: number, metadata?: Record<string, string>): Uint8Array {
  return makeSafetensors([
    { name: `small.${seed}`, data: noise(seed, 1000) },
    { name: `large.${seed}`, data: noise(seed + 1, 2_000_000) }
  ], metadata)
}

const headerBytes = (safetensors: Uint8Array): number => 8 + Number(Buffer.from(safetensors).readBigUInt64LE(0))

const TENSORS = [{ dtype: 'U8', shape: [1000] }, { dtype: 'U8', shape: [2_000_000] }]

async function published (files: Files): Promise<{ publisher: Node, root: string, link: string, dir: string }> {
  const publisher = await startNode()
  const dir = await writeFiles(files)
  const { root, link } = await publisher.publish(dir)
  return { publisher, root, link, dir }
}

/** What another machine is told, and what the publisher sent for it. */
async function inspected (
  { publisher, link }: { publisher: Node, link: string }, options: { tensors: boolean }
): Promise<{ model: Inspection, sentBytes: number, notes: string[] }> {
  const before = publisher.sentBytes
  const notes: string[] = []
  const node = await startNode()
  const model = await node.inspect(link, { ...options, giveUpSeconds: 10, onNote: note => { notes.push(note) } })
  return { model, sentBytes: publisher.sentBytes - before, notes }
}

function fileIn (model: Inspection, path: string): InspectedFile {
  const file = model.files.find(one => one.path === path)
  if (file === undefined) throw new Error(`No ${path} in the model`)
  return file
}

describe('inspect of a model that is at peers', () => {
  it('lists the tensors of sharded weights as who has them does, fetching nothing but their headers', async () => {
    const shards = [weights(1), weights(3, { format: 'pt' })]
    const gguf = makeGguf([{ name: 'blk.0', shape: [1000, 100], type: 0, data: noise(7, 400_000) }], {
      pairs: [pair('general.name', 8, string('x'))]
    })
    const files: Files = { ...someFiles(20), 'quantised.GGUF': gguf }
    for (const [i, shard] of shards.entries()) files[`weights/model-${i + 1}-of-2.safetensors`] = shard
    const given = await published(files)
    const tree = await inspected(given, { tensors: false })
    expect(tree.model.files.every(file => file.tensors === undefined && file.isHeaderMissing === undefined)).toBe(true)
    const { model, sentBytes, notes } = await inspected(given, { tensors: true })
    expect(notes).toEqual([])
    expect(model).toEqual(await given.publisher.inspect(given.dir, { tensors: true }))
    expect(fileIn(model, 'weights/model-2-of-2.safetensors').tensors).toMatchObject(TENSORS)
    expect(fileIn(model, 'quantised.GGUF').tensors).toMatchObject([{ name: 'blk.0', dtype: 'F32', shape: [1000, 100] }])
    const ggufHeaderBytes = gguf.byteLength - 400_000
    const headers = shards.reduce((sum, shard) => sum + headerBytes(shard), ggufHeaderBytes)
    expect(sentBytes - tree.sentBytes).toBe(headers)
  })

  it('fetches headers of many blocks, and no block behind them', async () => {
    const safetensors = weights(1, { notes: Buffer.from(noise(9, 1_100_000)).toString('base64') })
    const vocabulary = Array.from({ length: 100_000 }, (_, i) => string(`token number ${i}`))
    const gguf = makeGguf([{ name: 'w', shape: [250_000], type: 0, data: noise(8, 1_000_000) }],
      { pairs: [pair('tokenizer.ggml.tokens', 9, array(8, vocabulary))] })
    const given = await published({ 'a.safetensors': safetensors, 'b.gguf': gguf })
    const tree = await inspected(given, { tensors: false })
    const { model, sentBytes } = await inspected(given, { tensors: true })
    expect(model).toEqual(await given.publisher.inspect(given.dir, { tensors: true }))
    expect(sentBytes - tree.sentBytes).toBe(headerBytes(safetensors) + gguf.byteLength - 1_000_000)
  })

  it('lists the files of a model with headers that are none', async () => {
    const files: Files = {
      'good.safetensors': weights(1),
      'lies.safetensors': safetensorsOf('{"w":{"dtype":"U8","shape":[9],"data_offsets":[0,999999]}}', noise(2, 9)),
      'long.safetensors': Uint8Array.from([...u64(2 ** 40), ...noise(3, 100_000)]),
      'noise.gguf': noise(4, 100_000),
      'counts.gguf': Buffer.concat([Buffer.from('GGUF'), u32(3), u64(2 ** 40), u64(2 ** 40), noise(5, 9000)]),
      'short.gguf': Uint8Array.of(1)
    }
    const given = await published(files)
    const { model, notes } = await inspected(given, { tensors: true })
    expect(notes).toEqual([])
    expect(model).toEqual(await given.publisher.inspect(given.dir, { tensors: true }))
    expect(model.files.filter(file => file.tensors !== undefined).map(file => file.path)).toEqual(['good.safetensors'])
  })

  it('says so of a header that is too large, and fetches none of it', async () => {
    const large = Uint8Array.from([...u64(FETCHED_HEADER_BYTES), 0x7b])
    const padded = new Uint8Array(FETCHED_HEADER_BYTES + 100)
    padded.set(large)
    const given = await published({ 'large.safetensors': padded, 'good.safetensors': weights(1) })
    const { model, sentBytes, notes } = await inspected(given, { tensors: true })
    expect(fileIn(model, 'large.safetensors')).toMatchObject({ isHeaderMissing: true })
    expect(fileIn(model, 'good.safetensors').tensors).toMatchObject(TENSORS)
    expect(notes).toEqual([expect.stringMatching(/^No tensors listed of large\.safetensors: its header is larger/)])
    expect(sentBytes).toBeLessThan(200_000)
  })

  it('asks again where the tree is here already, and takes blocks of files that are here from their places', async () => {
    const given = await published({ 'a.safetensors': weights(1), 'b.safetensors': weights(5) })
    const node = await startNode()
    const { root, link, publisher } = given
    await node.inspect(link)
    const before = publisher.sentBytes
    expect((await node.inspect(link, { tensors: true })).files.map(file => file.tensors?.length)).toEqual([2, 2])
    expect(publisher.sentBytes - before).toBe(headerBytes(weights(1)) + headerBytes(weights(5)))
    // The same file in another model: its header is here.
    await node.publish(await writeFiles({ 'other name.safetensors': weights(5), 'a.safetensors': weights(1) }))
    await publisher.stop()
    expect((await node.inspect(root, { tensors: true })).files.map(file => file.tensors?.length)).toEqual([2, 2])
  })

  it('lists what is here of a model that the node exchanges already, and says so', async () => {
    const given = await published({ 'a.safetensors': weights(1), 'b.safetensors': weights(5) })
    const node = await startNode()
    await node.pull(given.link, await target(), { include: ['a.safetensors'] })
    const notes: string[] = []
    const model = await node.inspect(given.link, { tensors: true, onNote: note => { notes.push(note) } })
    expect(fileIn(model, 'a.safetensors').tensors).toMatchObject(TENSORS)
    expect(fileIn(model, 'b.safetensors')).toMatchObject({ isHeaderMissing: true })
    expect(notes).toEqual([expect.stringMatching(/^This node exchanges the model already/)])
  })

  it('asks peers for the headers of files that were removed here', async () => {
    const given = await published({ 'a.safetensors': weights(1), 'b.safetensors': weights(5) })
    const state = await target()
    const node = await startNode({ dir: state })
    const out = await target()
    await node.pull(given.link, out)
    await node.stop()
    await rm(join(out, 'b.safetensors'))
    const again = await startNode({ dir: state })
    const before = given.publisher.sentBytes
    expect((await again.inspect(given.link, { tensors: true })).files.map(file => file.tensors?.length)).toEqual([2, 2])
    expect(given.publisher.sentBytes - before).toBe(headerBytes(weights(5)))
  })

  it('lists the files with a note when nobody gives the headers, and ends at once when aborted', async () => {
    const { manifest, store } = await buildTree({ 'a.safetensors': weights(1), 'b.gguf': noise(1, 1000) })
    const asked = Promise.withResolvers<void>()
    const { peer } = await rawSeeder(modelOf(manifest, cid => store.bytes(cid)), { onBlock: () => { asked.resolve() } })
    const root = manifest.root.toString()
    const notes: string[] = []
    const node = await startNode()
    const options = { peers: [peer.addr], tensors: true, onNote: (note: string) => { notes.push(note) } }
    const model = await node.inspect(root, { ...options, giveUpSeconds: 1 })
    expect(model.files.map(file => file.isHeaderMissing)).toEqual([true, true])
    expect(notes.at(-1)).toMatch(/^No tensors listed of a\.safetensors, b\.gguf: Gave up after 1 s .* 2 of 2 blocks/)
    await asked.promise
    const controller = new AbortController()
    const why = new Error('enough')
    const inspecting = (await startNode()).inspect(root, { ...options, signal: controller.signal })
    controller.abort(why)
    await expect(inspecting).rejects.toBe(why)
  })

  it('takes no header that is not what the tree says', async () => {
    const { manifest, store } = await buildTree({ 'a.safetensors': weights(1) })
    const { peer } = await rawSeeder(modelOf(manifest, cid => store.bytes(cid)), {
      onBlock: (index, session) => { session.give(index, new Uint8Array(manifest.sizeBytes(index))) }
    })
    const options = { peers: [peer.addr], tensors: true, giveUpSeconds: 1 }
    const model = await (await startNode()).inspect(manifest.root.toString(), options)
    expect(model.files).toMatchObject([{ isHeaderMissing: true }])
    expect(model.files[0]).not.toHaveProperty('tensors')
  })
})
