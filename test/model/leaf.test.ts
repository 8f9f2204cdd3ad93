import { encode } from '@ipld/dag-pb'
import fc from 'fast-check'
import { UnixFS } from 'ipfs-unixfs'
import { describe, expect, it } from 'vitest'
import { rewrapLeaf, unwrapLeaf, wrapLeaf, wrappedBytes } from '../../src/model/leaf.ts'
import { hash, noise, sha256 } from './tree-fixtures.ts'

describe('wrapLeaf', () => {
  it('is undone by unwrapLeaf, and as long as wrappedBytes says, for both kinds', () => {
    fc.assert(fc.property(fc.constantFrom('file' as const, 'raw' as const), fc.integer({ min: 0, max: 20_000 }), (kind, size) => {
      const bytes = noise(size, size)
      const node = wrapLeaf(kind, bytes)
      expect(node.byteLength).toBe(wrappedBytes(size))
      const back = unwrapLeaf(node)
      expect(back.kind).toBe(kind)
      expect(Buffer.compare(back.bytes, bytes)).toBe(0)
    }))
    for (const size of [127, 128, 16_383, 16_384, 2 ** 20, 2 ** 21 - 1, 2 ** 21]) {
      expect(wrapLeaf('file', new Uint8Array(size)).byteLength).toBe(wrappedBytes(size))
    }
  })
})

describe('rewrapLeaf', () => {
  it('finds the kind that gives the digest', async () => {
    for (const kind of ['file', 'raw'] as const) {
      const node = wrapLeaf(kind, noise(1, 500))
      expect(await rewrapLeaf(noise(1, 500), sha256(node), hash)).toEqual(node)
    }
  })

  it('is undefined when the bytes are others', async () => {
    expect(await rewrapLeaf(noise(2, 500), sha256(wrapLeaf('file', noise(1, 500))), hash)).toBeUndefined()
  })
})

describe('unwrapLeaf', () => {
  it('refuses what could not be re-made from the bytes', () => {
    const data = noise(1, 10)
    const nodes = [
      encode({ Data: new UnixFS({ type: 'file', data, mode: 0o600 }).marshal(), Links: [] }),
      encode({ Data: new UnixFS({ type: 'file', data, mtime: { secs: 5n } }).marshal(), Links: [] }),
      encode({ Data: new UnixFS({ type: 'symlink', data }).marshal(), Links: [] }),
      encode({ Data: new UnixFS({ type: 'directory' }).marshal(), Links: [] }),
      encode({ Links: [] }),
      noise(1, 40)
    ]
    for (const node of nodes) expect(() => unwrapLeaf(node)).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED_TREE' }))
  })

  it('throws nothing but its error for garbage', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), garbage => {
      try {
        const { kind, bytes } = unwrapLeaf(garbage)
        expect(wrapLeaf(kind, bytes)).toEqual(garbage)
      } catch (err) {
        expect(err).toMatchObject({ code: 'ERR_UNSUPPORTED_TREE' })
      }
    }))
  })
})
