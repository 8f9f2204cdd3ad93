import { encode, prepare } from '@ipld/dag-pb'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'
import { cidOfDigest, DAG_PB_CODEC, RAW_CODEC, SHA2_256 } from '../../src/model/block-id.ts'
import { linkedNodes } from '../../src/model/linked-nodes.ts'

const anyLink = fc.record({
  digest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  kind: fc.constantFrom('raw', 'node', 'node v0'),
  Name: fc.string({ maxLength: 300 }),
  Tsize: fc.nat()
})

function cidOf (digest: Uint8Array, kind: string): CID {
  if (kind === 'node v0') return CID.createV0(Digest.create(SHA2_256, digest))
  return cidOfDigest(digest, kind === 'raw' ? RAW_CODEC : DAG_PB_CODEC)
}

describe('linked nodes', () => {
  it('are the links of a node that are dag-pb, as version 1', () => {
    fc.assert(fc.property(fc.array(anyLink), fc.option(fc.uint8Array()), (links, data) => {
      const node = encode(prepare({
        ...(data !== null && { Data: data }),
        Links: links.map(({ digest, kind, Name, Tsize }) => ({ Hash: cidOf(digest, kind), Name, Tsize }))
      }))
      const nodes = links.filter(({ kind }) => kind !== 'raw').map(({ digest }) => cidOfDigest(digest, DAG_PB_CODEC))
      expect(linkedNodes(node).map(cid => CID.decode(cid).toString()).sort()).toEqual(nodes.map(String).sort())
    }))
  })

  it('are read from any bytes without an error', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), bytes => { linkedNodes(bytes) }), { numRuns: 2000 })
    const anyChange = fc.tuple(fc.nat(), fc.nat(255))
    fc.assert(fc.property(fc.array(anyLink, { minLength: 1 }), fc.array(anyChange), (links, changes) => {
      const Links = links.map(({ digest, kind, Name, Tsize }) => ({ Hash: cidOf(digest, kind), Name, Tsize }))
      const node = encode(prepare({ Links })).slice()
      for (const [at, value] of changes) node[at % node.byteLength] = value
      linkedNodes(node)
    }))
  })
})
