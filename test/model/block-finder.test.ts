import { expect, it } from 'vitest'
import { BlockFinder } from '../../src/model/block-finder.ts'
import { digestOf, smallModel } from '../files/small-model.ts'
import { sha256 } from './tree-fixtures.ts'

it('finds every block of a manifest by its digest, repeated ones too, and no other', () => {
  const text = Array.from({ length: 1000 }, (_, i) => String(i % 700).padStart(4, '0')).join('')
  const { manifest, blocks } = smallModel({ 'a.bin': text })
  expect(manifest.blockCount).toBe(700)
  const finder = new BlockFinder(manifest)
  for (const [block, bytes] of blocks.entries()) expect(finder.find(digestOf(bytes))).toBe(block)
  for (let i = 0; i < 1000; i++) expect(finder.find(sha256(Uint8Array.of(i, i >> 8, 1)))).toBeUndefined()
})

it('tells apart digests that begin alike, and finds nothing where there is nothing', () => {
  const digests = [0, 1, 2].map(last => Uint8Array.from({ length: 32 }, (_, i) => i === 31 ? last : 255))
  const digest = (block: number): Uint8Array => digests[block] ?? new Uint8Array(32)
  const finder = new BlockFinder({ blockCount: 2, digest })
  expect([0, 1, 2].map(block => finder.find(digest(block)))).toEqual([0, 1, undefined])
  expect(new BlockFinder({ blockCount: 0, digest }).find(digest(0))).toBeUndefined()
})
