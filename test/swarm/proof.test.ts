import { createHmac } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { cidOfDigest } from '../../src/model/block-id.ts'
import { isProof, proofOf } from '../../src/swarm/proof.ts'

const root = cidOfDigest(new Uint8Array(32).fill(1))
const other = cidOfDigest(new Uint8Array(32).fill(2))

describe('a proof', () => {
  it('is the HMAC that PROTOCOL.md says', async () => {
    const text = 'modelswarm/1 knows root\nalice\nbob'
    expect(Buffer.from(await proofOf(root, 'alice', 'bob')).toString('hex'))
      .toBe(createHmac('sha256', root.bytes).update(text).digest('hex'))
  })

  it('is good for one root, one sender and one receiver', async () => {
    const proof = await proofOf(root, 'alice', 'bob')
    expect(await isProof(proof, root, 'alice', 'bob')).toBe(true)
    expect(await isProof(proof, CID.parse(root.toString()), 'alice', 'bob')).toBe(true)
    expect(await isProof(proof, root, 'bob', 'alice')).toBe(false)
    expect(await isProof(proof, root, 'alice', 'carol')).toBe(false)
    expect(await isProof(proof, other, 'alice', 'bob')).toBe(false)
    expect(await isProof(proof.subarray(1), root, 'alice', 'bob')).toBe(false)
    expect(await isProof(new Uint8Array(0), root, 'alice', 'bob')).toBe(false)
  })
})
