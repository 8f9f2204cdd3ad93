import { describe, expect, it } from 'vitest'
import { cidOfDigest } from '../../src/model/block-id.ts'
import { digestOf } from '../files/small-model.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { tempStore } from './temp-store.ts'

describe('TreeNodes', () => {
  it('keeps nodes of any size under their CID across opening', async () => {
    const dir = await tempFolder()
    const store = await tempStore(dir)
    const nodes = [0, 1, 3000, 2 ** 21].map(size => {
      const bytes = Buffer.alloc(size, 5)
      return { cid: cidOfDigest(digestOf(bytes), 0x70), bytes }
    })
    await store.nodes.putNodes(nodes)
    await store.close()
    const again = await tempStore(dir)
    for (const { cid, bytes } of nodes) expect(Buffer.from(again.nodes.getNode(cid) ?? 'none').equals(bytes)).toBe(true)
    const [first] = nodes
    if (first === undefined) throw new Error('no node')
    expect(again.nodes.hasNode(cidOfDigest(first.cid.multihash.digest, 0x55))).toBe(false)
  })
})
