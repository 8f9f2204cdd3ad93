import '../../src/polyfill.ts'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { afterEach, expect, it } from 'vitest'
import type { OwnedMemory } from '../../src/memory.ts'
import { readMemory } from '../../src/memory.ts'
import { leanTcp } from '../../src/node/lean-tcp.ts'
import { leanNoise } from '../../src/node/lean-noise.ts'
import type { Libp2p, Stream } from '@libp2p/interface'

const PROTOCOL = '/test/echo/1'
const SIZES = [1, 65519, 65520, 1024 * 1024, 5, 300_000, 16 * 1024, 2 * 1024 * 1024 + 1, 100]
const open: Libp2p[] = []

afterEach(async () => { await Promise.all(open.splice(0).map(async node => { await node.stop() })) })

async function start (isOurs: boolean): Promise<Libp2p> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [isOurs ? leanTcp() : tcp()],
    connectionEncrypters: [isOurs ? leanNoise() : noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false }
  })
  open.push(node)
  return node
}

/** Bytes of which no two stretches are the same. */
function pattern (length: number, memory?: OwnedMemory): Uint8Array {
  const bytes = memory?.allocate(length) ?? new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 2654435761 >>> 13) + i
  return bytes
}

function sendAll (stream: Stream, memory?: OwnedMemory): void {
  for (const size of SIZES) stream.send(pattern(size, memory))
}

async function receiveAll (stream: Stream): Promise<Uint8Array> {
  const total = SIZES.reduce((sum, size) => sum + size, 0)
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const chunks: Uint8Array[] = []
  let received = 0
  stream.addEventListener('close', event => { reject(event.error ?? new Error('closed early')) })
  stream.addEventListener('message', ({ data }) => {
    for (const chunk of data instanceof Uint8Array ? [data] : data) chunks.push(chunk)
    received += data.byteLength
    if (received === total) resolve(Buffer.concat(chunks))
  })
  return await promise
}

it.each([[true, true], [true, false], [false, true]])(
  'what is sent arrives as it was, also to and from plain libp2p (dialer ours: %s, listener ours: %s)',
  async (isDialerOurs, isListenerOurs) => {
    const listener = await start(isListenerOurs)
    const dialer = await start(isDialerOurs)
    const atListener = Promise.withResolvers<Uint8Array>()
    await listener.handle(PROTOCOL, stream => {
      receiveAll(stream).then(atListener.resolve, atListener.reject)
      sendAll(stream, readMemory)
    })
    const stream = await dialer.dialProtocol(listener.getMultiaddrs(), PROTOCOL)
    const atDialer = receiveAll(stream)
    sendAll(stream)
    const expected = Buffer.concat(SIZES.map(size => pattern(size)))
    expect(expected.equals(await atDialer)).toBe(true)
    expect(expected.equals(await atListener.promise)).toBe(true)
  })

it('a block that was read to be sent is given back once it is encrypted, other bytes are not', async () => {
  const [listener, dialer] = [await start(true), await start(true)]
  const received = Promise.withResolvers<void>()
  await listener.handle(PROTOCOL, stream => {
    let bytes = 0
    stream.addEventListener('message', ({ data }) => { if ((bytes += data.byteLength) === 200_000) received.resolve() })
  })
  const stream = await dialer.dialProtocol(listener.getMultiaddrs(), PROTOCOL)
  const [read, other] = [pattern(100_000, readMemory), pattern(100_000)]
  stream.send(read)
  stream.send(other)
  await received.promise
  expect([read.byteLength, other.byteLength]).toEqual([0, 100_000])
})
