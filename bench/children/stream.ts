// The baseline of a transfer: a bare libp2p stream over TCP, Noise and yamux, written to in pieces of 1 MiB, one way.
// The receiver dials, as a puller does; nothing is hashed, kept or written.
import { multiaddr } from '@multiformats/multiaddr'
import { answer } from './answer.ts'
import { sender, startBare } from './bare-node.ts'
import type { Stream } from '@libp2p/interface'

const PROTOCOL = '/modelswarm-bench/stream/1'
const WRITE_BYTES = 1024 * 1024

answer({
  /** Sends `bytes` to whoever opens a stream. */
  listen: async asked => {
    const bytes = asked.number('bytes')
    const node = await startBare(['/ip4/127.0.0.1/tcp/0'])
    await node.handle(PROTOCOL, async stream => { await send(stream, bytes) })
    return { addr: node.getMultiaddrs()[0]?.toString() ?? '' }
  },
  /** `seconds` from dialling to the last byte. */
  receive: async asked => {
    const node = await startBare([])
    const startMs = performance.now()
    const stream = await node.dialProtocol(multiaddr(asked.text('addr')), PROTOCOL)
    const bytes = await receive(stream, asked.number('bytes'))
    return { bytes, seconds: (performance.now() - startMs) / 1000 }
  }
})

async function send (stream: Stream, bytes: number): Promise<void> {
  const piece = crypto.getRandomValues(new Uint8Array(64 * 1024))
  const write = new Uint8Array(WRITE_BYTES)
  for (let at = 0; at < WRITE_BYTES; at += piece.byteLength) write.set(piece, at)
  const put = sender(stream)
  for (let left = bytes; left > 0 && stream.status === 'open'; left -= WRITE_BYTES) {
    await put(left < WRITE_BYTES ? write.subarray(0, left) : write)
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
