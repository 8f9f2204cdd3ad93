import { connect, createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { LOOPBACK, Relay } from '../../bench/network/relay.ts'
import type { Server, Socket } from 'node:net'

const RATE = 50_000_000
const BYTES = 4_000_000

const relays: Relay[] = []
const servers: Server[] = []

afterEach(async () => {
  await Promise.all(relays.splice(0).map(async relay => { await relay.close() }))
  await Promise.all(servers.splice(0).map(async server => {
    await new Promise<void>(resolve => { server.close(() => { resolve() }) })
  }))
})

/** A door from node 0 to whatever `serve` does at node 1. */
async function door (serve: (socket: Socket) => void): Promise<{ relay: Relay, port: number }> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    serve(socket)
  })
  servers.push(server)
  await new Promise<void>(resolve => { server.listen(0, LOOPBACK, resolve) })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('No port')
  const relay = new Relay({ rttMs: 2 })
  relays.push(relay)
  for (let i = 0; i < 2; i++) relay.addNode({ upBytesPerSec: RATE, downBytesPerSec: RATE })
  return { relay, port: await relay.openDoor({ from: 0, to: 1, port: address.port }) }
}

/** By events: iterating would destroy a socket that has its answer still to give. */
async function readAll (socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  socket.on('data', chunk => { chunks.push(chunk) })
  socket.once('end', () => { resolve(Buffer.concat(chunks)) })
  socket.once('error', reject)
  return await promise
}

function random (bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(buffer.subarray(at, at + 65_536))
  return buffer
}

describe('the relay of the bench', () => {
  it('carries every byte both ways, each way to its end', async () => {
    const [question, reply] = [random(BYTES), random(BYTES)]
    const heard = Promise.withResolvers<Buffer>()
    const { relay, port } = await door(socket => {
      // answers only when the question has ended: a half-open connection
      readAll(socket).then(all => {
        heard.resolve(all)
        socket.end(reply)
      }, heard.reject)
    })
    const socket = connect({ port, host: LOOPBACK, allowHalfOpen: true })
    socket.end(question)
    expect((await readAll(socket)).equals(reply)).toBe(true)
    expect((await heard.promise).equals(question)).toBe(true)
    expect(relay.carried(0)).toEqual({ upBytes: BYTES, downBytes: BYTES })
    expect(relay.carried(1)).toEqual({ upBytes: BYTES, downBytes: BYTES })
  })

  it('resets the other side when one is reset', async () => {
    const ended = Promise.withResolvers<never>()
    const { port } = await door(socket => {
      socket.on('error', err => { ended.reject(err) })
      socket.once('data', () => { client.resetAndDestroy() })
      socket.write('hello')
    })
    const client = connect(port, LOOPBACK)
    client.on('error', () => {})
    client.once('data', () => { client.write('hello') })
    await expect(ended.promise).rejects.toThrow('ECONNRESET')
  })

  it('resets a connection when nobody listens behind the door', async () => {
    const { relay } = await door(() => {})
    const [server] = servers.splice(0)
    const address = server?.address()
    if (server === undefined || typeof address !== 'object' || address === null) throw new Error('No port')
    await new Promise<void>(resolve => { server.close(() => { resolve() }) })
    const client = connect(await relay.openDoor({ from: 0, to: 1, port: address.port }), LOOPBACK)
    await expect(readAll(client)).rejects.toThrow('ECONNRESET')
  })
})
