import { createHmac } from 'node:crypto'
import type { CID } from 'multiformats/cid'

// The same proofs without a thread pool, for virtual time, by vi.mock or as a port. proof.test.ts and the vectors hold
// the real one equal to this formula.

export async function proofOf (root: CID, from: string, to: string): Promise<Uint8Array> {
  return new Uint8Array(createHmac('sha256', root.bytes).update(`modelswarm/1 knows root\n${from}\n${to}`).digest())
}
