import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cidOfDigest, DAG_PB_CODEC, RAW_CODEC } from '../../src/model/block-id.ts'
import { ManifestBuilder } from '../../src/model/manifest-builder.ts'
import { sha256 } from './tree-fixtures.ts'
import type { Manifest } from '../../src/model/manifest.ts'

const root = cidOfDigest(sha256(new Uint8Array(0)), DAG_PB_CODEC)

/** Block n: digest of n, n + 1 bytes. */
function digestOf (n: number): Uint8Array {
  return sha256(Uint8Array.from([n, n >> 8]))
}

function build (files: number[][], leaf: 'raw' | 'wrapped' = 'raw'): Manifest {
  const builder = new ManifestBuilder()
  for (const [i, blocks] of files.entries()) {
    builder.openFile(`f${i}`, leaf)
    for (const n of blocks) builder.addBlock(digestOf(n), n + 1)
  }
  return builder.build(root)
}

const blockNumbers = fc.array(fc.oneof(fc.nat(6), fc.nat(500)), { maxLength: 12 })
const models = fc.array(blockNumbers, { maxLength: 8 })

describe('Manifest', () => {
  it('numbers blocks by first appearance and finds every place of each', () => {
    fc.assert(fc.property(models, files => {
      const manifest = build(files)
      const slots = files.flat()
      const distinct = [...new Set(slots)]
      expect(manifest.slotCount).toBe(slots.length)
      expect(manifest.blockCount).toBe(distinct.length)
      const expected = new Map<number, string[]>(distinct.map((_, block) => [block, []]))
      let slot = 0
      for (const [i, blocks] of files.entries()) {
        const file = manifest.files[i]
        expect([file?.firstSlot, file?.slotCount]).toEqual([slot, blocks.length])
        let offset = 0
        for (const n of blocks) {
          const block = distinct.indexOf(n)
          expect(manifest.blockOfSlot(slot)).toBe(block)
          expect(manifest.offsetOfSlot(slot)).toBe(offset)
          expected.get(block)?.push(`f${i}:${offset}+${n + 1}`)
          offset += n + 1
          slot++
        }
        expect(file?.sizeBytes).toBe(offset)
      }
      for (const [block, n] of distinct.entries()) {
        const places = [...manifest.places(block)].map(place => `${place.file.path}:${place.offset}+${place.sizeBytes}`)
        expect(places).toEqual(expected.get(block))
        const first = manifest.firstPlace(block)
        expect(`${first.file.path}:${first.offset}+${first.sizeBytes}`).toBe(places[0])
        expect(manifest.digest(block)).toEqual(digestOf(n))
        expect(manifest.sizeBytes(block)).toBe(n + 1)
      }
    }))
  })

  it('adds up its sizes', () => {
    const manifest = build([[1, 2, 1], [], [5]])
    expect(manifest.totalBytes).toBe(2 + 3 + 2 + 6)
    expect(manifest.distinctBytes).toBe(2 + 3 + 6)
    expect(manifest.maxBlockBytes).toBe(6)
    expect(build([]).maxBlockBytes).toBe(0)
  })

  it('names blocks by raw CIDs, and wrapped leaves by those of their nodes', () => {
    expect(build([[1]]).cid(0).code).toBe(RAW_CODEC)
    expect(build([[1]], 'wrapped').cid(0).code).toBe(DAG_PB_CODEC)
  })

  it('keeps thousands of blocks apart', () => {
    const all = Array.from({ length: 20_000 }, (_, i) => i)
    const manifest = build([all, all.toReversed()])
    expect(manifest.blockCount).toBe(20_000)
    expect(manifest.blockOfSlot(39_999)).toBe(0)
    expect([...manifest.places(19_999)]).toHaveLength(2)
  })

  it('refuses a digest that comes with two sizes', () => {
    const builder = new ManifestBuilder()
    builder.openFile('a', 'raw')
    builder.addBlock(digestOf(1), 10)
    expect(() => builder.addBlock(digestOf(1), 11)).toThrow(expect.objectContaining({ code: 'ERR_BAD_TREE' }))
  })

  it('throws for blocks and slots that it does not have', () => {
    const manifest = build([[1]])
    for (const index of [-1, 1, NaN]) {
      expect(() => manifest.digest(index)).toThrow(RangeError)
      expect(() => manifest.firstPlace(index)).toThrow(RangeError)
      expect(() => manifest.offsetOfSlot(index)).toThrow(RangeError)
    }
  })
})
