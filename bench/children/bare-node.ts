// libp2p as it comes: TCP, Noise and yamux with their defaults.
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import type { Libp2p, Stream } from '@libp2p/interface'

export async function startBare (listen: string[]): Promise<Libp2p> {
  return await createLibp2p({
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false }
  })
}

/** Sends, and resolves when more can be sent; onDrain() resolves only once per stream (DESIGN.md, section 7). */
export function sender (stream: Stream): (bytes: Uint8Array) => Promise<void> {
  let drained = Promise.withResolvers<void>()
  stream.addEventListener('drain', () => { drained.resolve() })
  stream.addEventListener('close', () => { drained.resolve() })
  return async bytes => {
    const canSendMore = stream.send(bytes)
    if (canSendMore && !stream.writableNeedsDrain) return
    drained = Promise.withResolvers()
    if (stream.writableNeedsDrain) await drained.promise
  }
}
