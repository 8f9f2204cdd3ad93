import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'
import { cidOfDigest, DAG_PB_CODEC, digestOfCid, sameBytes } from '../../src/model/block-id.ts'
import { sha256 } from './tree-fixtures.ts'

const digest = sha256(Uint8Array.from(Buffer.from('hello')))

describe('cidOfDigest', () => {
  it('names a block as any IPFS tool does', () => {
    expect(String(cidOfDigest(digest))).toBe('bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq')
    expect(cidOfDigest(digest, DAG_PB_CODEC).code).toBe(DAG_PB_CODEC)
  })

  it('is undone by digestOfCid', () => {
    expect(digestOfCid(cidOfDigest(digest))).toEqual(digest)
  })
})

describe('digestOfCid', () => {
  it('refuses any other hash', () => {
    for (const [code, length] of [[0x1b, 32], [0, 32], [0x12, 20]] as const) {
      const cid = CID.createV1(0x55, Digest.create(code, new Uint8Array(length)))
      expect(() => digestOfCid(cid)).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED_TREE' }))
    }
  })
})

describe('sameBytes', () => {
  it('compares content and length', () => {
    expect(sameBytes(Uint8Array.from([1, 2]), Uint8Array.from([1, 2]))).toBe(true)
    expect(sameBytes(Uint8Array.from([1, 2]), Uint8Array.from([1, 3]))).toBe(false)
    expect(sameBytes(Uint8Array.from([1, 2]), Uint8Array.from([1, 2, 3]))).toBe(false)
  })
})
