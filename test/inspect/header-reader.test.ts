import { describe, expect, it } from 'vitest'
import { HeaderTooLarge, headerReader } from '../../src/inspect/header-reader.ts'
import { buildTree, noise } from '../model/tree-fixtures.ts'
import type { ReadRange } from '../../src/formats/tensor-table.ts'

const KIB = 1024

/** A reader of one file, and the blocks it has fetched so far. */
async function readerOf (
  bytes: Uint8Array, { path = 'w.gguf', mostBytes = 2 ** 30, allBytes = 2 ** 30 } = {}
): Promise<{ read: ReadRange, fetched: number[], sizes: number[] }> {
  const { manifest, store } = await buildTree({ [path]: bytes })
  const [file] = manifest.files
  if (file === undefined) throw new Error('No file')
  const fetched: number[] = []
  let left = allBytes
  const read = headerReader(manifest, file, {
    fetch: async block => {
      fetched.push(block)
      return store.bytes(manifest.cid(block))
    },
    mostBytes,
    spend: size => size <= left && (left -= size) >= 0
  })
  return { read, fetched, sizes: Array.from({ length: manifest.blockCount }, (_, block) => manifest.sizeBytes(block)) }
}

describe('headerReader', () => {
  // Cut like plain bytes: blocks of 64 KiB.
  const bytes = noise(1, 640 * KIB + 100)

  it('gives the bytes of any range, from the blocks that it needs', async () => {
    const { read, fetched, sizes } = await readerOf(bytes)
    expect(sizes).toHaveLength(11)
    expect(await read(0, 8)).toEqual(bytes.slice(0, 8))
    expect(fetched).toEqual([0])
    expect(await read(64 * KIB - 3, 6)).toEqual(bytes.slice(64 * KIB - 3, 64 * KIB + 3))
    expect(await read(600 * KIB, 10_000_000)).toEqual(bytes.slice(600 * KIB))
    expect(await read(bytes.byteLength, 5)).toEqual(new Uint8Array(0))
  })

  it('reads ahead over blocks that are cut alike, up to what was asked', async () => {
    const { read, fetched } = await readerOf(bytes)
    expect(await read(0, 150 * KIB, 4)).toEqual(bytes.slice(0, 150 * KIB))
    expect(fetched).toEqual([0, 1, 2])
  })

  it('does not read ahead of a first block that is smaller than any larger region has', async () => {
    const { read, fetched } = await readerOf(noise(2, 1000))
    expect(await read(0, 64 * KIB, 4)).toEqual(noise(2, 1000))
    expect(fetched).toEqual([0])
  })

  it('throws before it fetches anything of a range that is too much, for the file or for all of them', async () => {
    for (const most of [{ mostBytes: 128 * KIB }, { allBytes: 128 * KIB }]) {
      const { read, fetched } = await readerOf(bytes, most)
      expect((await read(0, 500 * KIB, 4)).byteLength).toBe(128 * KIB)
      fetched.length = 0
      await expect(read(0, 200 * KIB)).rejects.toBeInstanceOf(HeaderTooLarge)
      expect(fetched).toEqual([])
      // What was fetched once costs nothing more.
      expect((await read(100, 100 * KIB)).byteLength).toBe(100 * KIB)
    }
  })

  it('takes nothing of what all files share for a range that it refuses', async () => {
    let left = 300 * KIB
    const { manifest, store } = await buildTree({ 'w.gguf': bytes })
    const [file] = manifest.files
    if (file === undefined) throw new Error('No file')
    const read = headerReader(manifest, file, {
      fetch: async block => store.bytes(manifest.cid(block)),
      mostBytes: 200 * KIB,
      spend: size => size <= left && (left -= size) >= 0
    })
    await expect(read(0, 250 * KIB)).rejects.toBeInstanceOf(HeaderTooLarge)
    expect(left).toBe(300 * KIB)
    expect((await read(0, 190 * KIB)).byteLength).toBe(190 * KIB)
  })
})
