// The baseline of a transfer: a bare libp2p stream over TCP, Noise and yamux, written to in pieces of 1 MiB, one way.
// The receiver dials, as a puller does; nothing is hashed, kept or written.
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { answer } from './answer.ts'
import type { Libp2p, Stream } from '@libp2p/interface'

const PROTOCOL = '/modelswarm-bench/stream/1'
const WRITE_BYTES = 1024 * 1024

answer({
  /** Sends `bytes` to whoever opens a stream. */
  listen: async asked => {
    const bytes = asked.number('bytes')
    const node = await start(['/ip4/127.0.0.1/tcp/0'])
    await node.handle(PROTOCOL, async stream => { await send(stream, bytes) })
    return { addr: node.getMultiaddrs()[0]?.toString() ?? '' }
  },
  /** `seconds` from dialling to the last byte. */
  receive: async asked => {
    const node = await start([])
    const startMs = performance.now()
    const stream = await node.dialProtocol(multiaddr(asked.text('addr')), PROTOCOL)
    const bytes = await receive(stream, asked.number('bytes'))
    return { bytes, seconds: (performance.now() - startMs) / 1000 }
  }
})

async function start (listen: string[]): Promise<Libp2p> {
  return await createLibp2p({
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false }
  })
}

async function send (stream: Stream, bytes: number): Promise<void> {
  const piece = crypto.getRandomValues(new Uint8Array(64 * 1024))
  const write = new Uint8Array(WRITE_BYTES)
  for (let at = 0; at < WRITE_BYTES; at += piece.byteLength) write.set(piece, at)
  // onDrain() resolves only once per stream in libp2p 3.3, so the event is listened to (DESIGN.md, section 7)
  let drained = Promise.withResolvers<void>()
  stream.addEventListener('drain', () => { drained.resolve() })
  stream.addEventListener('close', () => { drained.resolve() })
  for (let left = bytes; left > 0 && stream.status === 'open'; left -= WRITE_BYTES) {
    const canSendMore = stream.send(left < WRITE_BYTES ? write.subarray(0, left) : write)
    if (canSendMore && !stream.writableNeedsDrain) continue
    drained = Promise.withResolvers()
    if (stream.writableNeedsDrain) await drained.promise
  }
  await stream.close()
}

async function receive (stream: Stream, bytes: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let received = 0
  stream.addEventListener('message', event => {
    received += event.data.byteLength
    if (received >= bytes) resolve(received)
  })
  stream.addEventListener('close', event => {
    reject(event.error ?? new Error(`The stream ended after ${received} of ${bytes} bytes`))
  })
  return await promise
}
