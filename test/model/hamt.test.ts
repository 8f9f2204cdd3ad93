import { decode } from '@ipld/dag-pb'
import { describe, expect, it } from 'vitest'
import { cidOfDigest } from '../../src/model/block-id.ts'
import { putHamt } from '../../src/model/hamt.ts'
import { hash, MapStore, sha256 } from './tree-fixtures.ts'

const cid = cidOfDigest(sha256(new Uint8Array(1)))

function links (count: number): { name: string, cid: typeof cid, fileBytes: number, treeBytes: number }[] {
  return Array.from({ length: count }, (_, i) => ({ name: `name-${i}`, cid, fileBytes: 1, treeBytes: 1 }))
}

describe('putHamt', () => {
  it('puts every entry in exactly one slot, children before parents', async () => {
    const store = new MapStore()
    const order: string[] = []
    const onNode = (id: typeof cid, bytes: Uint8Array): void => { order.push(String(store.put(id, bytes))) }
    const root = await putHamt(links(1000), { hash, onNode })
    expect(order.at(-1)).toBe(String(root.cid))
    const names: string[] = []
    const walk = (id: typeof cid): void => {
      for (const link of decode(store.bytes(id)).Links) {
        if (link.Name?.length === 2) walk(link.Hash)
        else names.push(link.Name?.slice(2) ?? '')
      }
    }
    walk(root.cid)
    expect(names.toSorted()).toEqual(links(1000).map(link => link.name).toSorted())
  })

  it('does not depend on the order of entries', async () => {
    const parts = { hash, onNode: () => {} }
    const a = await putHamt(links(300), parts)
    const b = await putHamt(links(300).reverse(), parts)
    expect(String(a.cid)).toBe(String(b.cid))
  })

  it('gives up on names that never part', async () => {
    const [one] = links(1)
    if (one === undefined) return
    await expect(putHamt([one, one], { hash, onNode: () => {} })).rejects.toThrow(RangeError)
  })
})
