import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { onTestFinished } from 'vitest'
import { LOOPBACK } from './nodes.ts'
import type { Libp2p } from '@libp2p/interface'

/** A libp2p node with nothing of ours on it, stopped when the test is over. */
export async function rawLibp2p (own: { identifies?: boolean } = {}): Promise<Libp2p> {
  const libp2p = await createLibp2p({
    addresses: { listen: [LOOPBACK] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify({ runOnConnectionOpen: own.identifies ?? true }) },
    connectionMonitor: { enabled: false }
  })
  onTestFinished(async () => { await libp2p.stop() })
  return libp2p
}
