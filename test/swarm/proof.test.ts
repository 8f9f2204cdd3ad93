import { createHmac } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { cidOfDigest } from '../../src/model/block-id.ts'
import { proofOf } from '../../src/swarm/proof.ts'

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
    expect(await proofOf(CID.parse(root.toString()), 'alice', 'bob')).toEqual(proof)
    expect(await proofOf(root, 'bob', 'alice')).not.toEqual(proof)
    expect(await proofOf(root, 'alice', 'carol')).not.toEqual(proof)
    expect(await proofOf(other, 'alice', 'bob')).not.toEqual(proof)
  })
})
