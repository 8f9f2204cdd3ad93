// The least that a transfer has to do, done plainly: a bare libp2p stream of a file, each MiB hashed (sha2-256) and
// written as it comes. Nothing is asked for, scheduled or compared; the receiver acknowledges what it wrote, so that
// what is on its way stays within a window.
import { open } from 'node:fs/promises'
import { multiaddr } from '@multiformats/multiaddr'
import { answer } from './answer.ts'
import { sender, startBare } from './bare-node.ts'
import type { FileHandle } from 'node:fs/promises'
import type { Stream } from '@libp2p/interface'

const PROTOCOL = '/modelswarm-bench/hashed/1'
const BLOCK_BYTES = 1024 * 1024
const WINDOW_BLOCKS = 16
const READ_AHEAD = 4

answer({
  /** Sends the file to whoever opens a stream. */
  listen: async asked => {
    const file = await open(asked.text('path'))
    const { size: bytes } = await file.stat()
    const node = await startBare(['/ip4/127.0.0.1/tcp/0'])
    await node.handle(PROTOCOL, async stream => { await send(stream, file, bytes) })
    return { addr: node.getMultiaddrs()[0]?.toString() ?? '', bytes }
  },
  /** `seconds` from dialling until the last byte was hashed and written to `out`. */
  receive: async asked => {
    const node = await startBare([])
    const file = await open(asked.text('out'), 'w')
    const bytes = asked.number('bytes')
    const startMs = performance.now()
    await file.truncate(bytes)
    await receive(await node.dialProtocol(multiaddr(asked.text('addr')), PROTOCOL), file, bytes)
    await file.close()
    return { bytes, seconds: (performance.now() - startMs) / 1000 }
  }
})

async function send (stream: Stream, file: FileHandle, bytes: number): Promise<void> {
  const put = sender(stream)
  const way = { blocks: 0, hasRoom: Promise.withResolvers<void>() }
  stream.addEventListener('message', ({ data }) => {
    way.blocks -= data.byteLength
    way.hasRoom.resolve()
  })
  const read = async (at: number): Promise<Uint8Array> => {
    const block = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, bytes - at))
    await file.read(block, 0, block.byteLength, at)
    return block
  }
  const ahead: Array<Promise<Uint8Array>> = []
  let readTo = 0
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    for (; ahead.length < READ_AHEAD && readTo < bytes; readTo += BLOCK_BYTES) ahead.push(read(readTo))
    const block = await ahead.shift()
    while (way.blocks >= WINDOW_BLOCKS) {
      way.hasRoom = Promise.withResolvers()
      await way.hasRoom.promise
    }
    if (block === undefined || stream.status !== 'open') return
    way.blocks++
    await put(block)
  }
}

async function receive (stream: Stream, file: FileHandle, bytes: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let block = Buffer.alloc(0)
  let filled = 0
  let received = 0
  let stored = 0
  const store = async (whole: Uint8Array<ArrayBuffer>, at: number): Promise<void> => {
    await crypto.subtle.digest('SHA-256', whole)
    await file.write(whole, 0, whole.byteLength, at)
    stream.send(Uint8Array.of(1))
    stored += whole.byteLength
    if (stored === bytes) resolve()
  }
  stream.addEventListener('message', ({ data }) => {
    for (const chunk of data instanceof Uint8Array ? [data] : data) {
      for (let at = 0; at < chunk.byteLength;) {
        if (filled === 0) block = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, bytes - received))
        const part = chunk.subarray(at, at + block.byteLength - filled)
        block.set(part, filled)
        at += part.byteLength
        filled += part.byteLength
        if (filled < block.byteLength) continue
        store(block, received).catch(reject)
        received += filled
        filled = 0
      }
    }
  })
  stream.addEventListener('close', event => {
    reject(event.error ?? new Error(`The stream ended after ${received} of ${bytes} bytes`))
  })
  await promise
}
