import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ModelswarmError } from '../../src/errors.ts'
import { openTarget } from '../../src/files/target.ts'
import { WRITES_OF_WORKER } from '../../src/machine-defaults.ts'
import { payloadMemory } from '../../src/memory.ts'
import { cidOfDigest, sameBytes } from '../../src/model/block-id.ts'
import { wrapLeaf } from '../../src/model/leaf.ts'
import { ManifestBuilder } from '../../src/model/manifest-builder.ts'
import { BlockKeeper } from '../../src/pull/keep.ts'
import { onEveryHandle } from '../files/on-every-handle.ts'
import { digestOf } from '../files/small-model.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { hash, noise } from '../model/tree-fixtures.ts'
import type { BlockWriter } from '../../src/files/block-writer.ts'
import type { Target } from '../../src/files/target-port.ts'
import type { Manifest } from '../../src/model/manifest.ts'

const BLOCK = 65_536
const A = noise(1, BLOCK)
const B = noise(2, BLOCK)
const WRAPPED = noise(3, BLOCK)
/** By index: A, in two places; B; one that the tree says is a byte shorter than it is; a wrapped leaf. */
const BLOCKS = [A, B, noise(4, BLOCK), WRAPPED]

function manifestOf (): Manifest {
  const builder = new ManifestBuilder()
  builder.openFile('a.bin', 'raw')
  for (const bytes of [A, B, A]) builder.addBlock(digestOf(bytes), BLOCK)
  builder.openFile('lie.bin', 'raw')
  builder.addBlock(digestOf(noise(4, BLOCK)), BLOCK - 1)
  builder.openFile('wrapped.bin', 'wrapped')
  builder.addBlock(digestOf(wrapLeaf('file', WRAPPED)), BLOCK)
  return builder.build(cidOfDigest(digestOf(A)))
}

/** Takes the buffer away as a thread does, and answers when it is told to. */
class HeldWriter implements BlockWriter {
  isReady = true
  readonly asked: Array<() => void> = []

  async write (...[{ handle }, { bytes, offset }, digest]: Parameters<BlockWriter['write']>): Promise<Uint8Array | undefined> {
    const mine = structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] })
    await new Promise<void>(resolve => { this.asked.push(resolve) })
    if (!sameBytes(digestOf(mine), digest)) return undefined
    await handle.write(mine, 0, mine.byteLength, offset)
    return payloadMemory.own(mine)
  }

  async end (): Promise<void> {}
}

interface Keeping {
  keeper: BlockKeeper
  target: Target
  writer: HeldWriter
  contentOf: (path: string) => Promise<Buffer>
}

async function keeping (): Promise<Keeping> {
  const dir = await tempFolder()
  const manifest = manifestOf()
  const target = await openTarget(dir, manifest)
  onTestFinished(async () => { await target.close() })
  await target.verifyExisting({ check: async () => false })
  const writer = new HeldWriter()
  const keeper = new BlockKeeper({ target, manifest, hash, writer })
  const contentOf = async (path: string): Promise<Buffer> => {
    await target.finish()
    return await readFile(join(dir, path))
  }
  return { keeper, target, writer, contentOf }
}

/** As it came from a peer: in a buffer of its own. */
function payload (block: number): Uint8Array {
  const source = BLOCKS[block] ?? new Uint8Array(0)
  const bytes = payloadMemory.allocate(source.byteLength)
  bytes.set(source)
  return bytes
}

/** When the writer has so many to write. */
async function askedOf (writer: HeldWriter, count: number): Promise<void> {
  while (writer.asked.length < count) await new Promise<void>(resolve => { setImmediate(resolve) })
}

describe('BlockKeeper', () => {
  it('has a block verified and written at once, at its first place, and writes it at the others', async () => {
    const { keeper, target, writer, contentOf } = await keeping()
    const keptA = keeper.keep(0, payload(0), 'peer')
    await askedOf(writer, 1)
    expect(target.held.has(0)).toBe(false)
    writer.asked[0]?.()
    await keptA
    expect(target.held.has(0)).toBe(true)
    writer.isReady = false
    await keeper.keep(1, payload(1), 'peer')
    expect(writer.asked).toHaveLength(1)
    expect((await contentOf('a.bin')).equals(Buffer.concat([A, B, A]))).toBe(true)
  })

  it.each([['a thread', true], ['the thread pool', false]])('gives the memory of a block back: %s', async (_, isReady) => {
    const { keeper, writer } = await keeping()
    writer.isReady = isReady
    const given: Uint8Array[] = []
    const write = writer.write.bind(writer)
    writer.write = async (...asked) => {
      const back = await write(...asked)
      if (back !== undefined) given.push(back)
      return back
    }
    const bytes = payload(0)
    given.push(bytes)
    const kept = keeper.keep(0, bytes, 'peer')
    if (isReady) await askedOf(writer, 1)
    writer.asked[0]?.()
    await kept
    expect(given.map(one => one.byteLength)).toEqual(isReady ? [0, 0] : [0])
  })

  it('blames who sent other bytes, and writes nothing of them', async () => {
    const { keeper, target, writer, contentOf } = await keeping()
    const wrong = keeper.keep(0, payload(1), 'liar')
    await askedOf(writer, 1)
    writer.asked[0]?.()
    await expect(wrong).rejects.toMatchObject({ code: 'ERR_BAD_BLOCK', blame: 'peer', details: { sourceId: 'liar' } })
    expect(target.held.count).toBe(0)
    writer.isReady = false
    await expect(keeper.keep(0, payload(1), 'liar')).rejects.toMatchObject({ code: 'ERR_BAD_BLOCK', details: { sourceId: 'liar' } })
    await keeper.keep(0, payload(0), 'peer')
    await keeper.keep(1, payload(1), 'peer')
    expect((await contentOf('a.bin')).equals(Buffer.concat([A, B, A]))).toBe(true)
  })

  it('verifies a second copy too while the first is written, and writes it when the first was wrong', async () => {
    const { keeper, target, writer } = await keeping()
    const first = keeper.keep(0, payload(1), 'liar')
    await askedOf(writer, 1)
    const second = keeper.keep(0, payload(0), 'peer')
    await expect(keeper.keep(0, payload(1), 'other liar')).rejects.toMatchObject({ details: { sourceId: 'other liar' } })
    expect(target.held.has(0)).toBe(false)
    writer.asked[0]?.()
    await expect(first).rejects.toMatchObject({ details: { sourceId: 'liar' } })
    await second
    expect(target.held.has(0)).toBe(true)
    expect(writer.asked).toHaveLength(1)
    await expect(keeper.keep(0, payload(1), 'late liar')).rejects.toMatchObject({ details: { sourceId: 'late liar' } })
  })

  it('writes a block once, however many copies wait for one that is wrong', async () => {
    const { keeper, writer, contentOf } = await keeping()
    const first = keeper.keep(0, payload(1), 'liar')
    await askedOf(writer, 1)
    let writes = 0
    await onEveryHandle('write', path => path.endsWith('a.bin.modelswarm-part'), () => { writes++ })
    const others = ['b', 'c', 'd'].map(async peer => { await keeper.keep(0, payload(0), peer) })
    // Verified, they wait at the target.
    await Promise.all([payload(0), payload(0)].map(async bytes => { await hash(bytes) }))
    writer.asked[0]?.()
    await expect(first).rejects.toMatchObject({ details: { sourceId: 'liar' } })
    await Promise.all(others)
    writer.isReady = false
    await keeper.keep(1, payload(1), 'peer')
    // Two places, and one.
    expect(writes).toBe(3)
    expect((await contentOf('a.bin')).equals(Buffer.concat([A, B, A]))).toBe(true)
  })

  it('hands over so many blocks at once, the rest goes to the thread pool', async () => {
    const dir = await tempFolder()
    const builder = new ManifestBuilder()
    builder.openFile('many.bin', 'raw')
    const many = Array.from({ length: WRITES_OF_WORKER + 3 }, (_, i) => noise(10 + i, 4096))
    for (const bytes of many) builder.addBlock(digestOf(bytes), bytes.byteLength)
    const manifest = builder.build(cidOfDigest(digestOf(A)))
    const target = await openTarget(dir, manifest)
    onTestFinished(async () => { await target.close() })
    await target.verifyExisting({ check: async () => false })
    const writer = new HeldWriter()
    const keeper = new BlockKeeper({ target, manifest, hash, writer })
    const kept = many.map(async (bytes, block) => { await keeper.keep(block, bytes.slice(), 'peer') })
    await Promise.all(kept.slice(WRITES_OF_WORKER))
    expect([writer.asked.length, target.held.count]).toEqual([WRITES_OF_WORKER, 3])
    for (const answer of writer.asked) answer()
    await Promise.all(kept)
    expect(target.held.isFull).toBe(true)
  })

  it('verifies a wrapped leaf itself: its name is not that of its bytes', async () => {
    const { keeper, writer, contentOf } = await keeping()
    await keeper.keep(3, payload(3), 'peer')
    expect(writer.asked).toEqual([])
    expect((await contentOf('wrapped.bin')).equals(WRAPPED)).toBe(true)
  })

  it('tells bytes of another length that are the block\'s from those that are not: the tree lies, or the peer', async () => {
    const { keeper, target, writer } = await keeping()
    await expect(keeper.keep(2, payload(2), 'peer')).rejects.toMatchObject({
      code: 'ERR_BAD_TREE', message: `Block 2 has ${BLOCK} bytes; the tree says ${BLOCK - 1}`
    })
    await expect(keeper.keep(0, payload(0).slice(1), 'liar')).rejects.toBeInstanceOf(ModelswarmError)
    expect(writer.asked).toEqual([])
    expect(target.held.count).toBe(0)
  })

  it('keeps bytes that share their buffer with others', async () => {
    const { keeper, target, writer } = await keeping()
    const both = Buffer.concat([A, B])
    await keeper.keep(0, both.subarray(0, BLOCK), 'peer')
    expect(writer.asked).toEqual([])
    expect(both.equals(Buffer.concat([A, B]))).toBe(true)
    expect(target.held.has(0)).toBe(true)
  })
})
