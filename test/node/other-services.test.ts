import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startNode, target } from './nodes.ts'
import type { AddressInfo, Server, Socket } from 'node:net'

const ROOT = 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi'
const NOT_LIBP2P = 'something answers there that is not a libp2p node'
const CLOSED = 'the connection was closed at once, as by another service or a full peer'
const RESET = 'the connection was reset, as by a firewall or another service'

const tcp = (onSocket: (socket: Socket) => void): Server => createServer(socket => {
  socket.on('error', () => {})
  onSocket(socket)
})

/** What may listen where a peer was expected, and the words for it. */
const SERVICES: Array<[string, () => Server, string]> = [
  ['an HTTP server', () => createHttpServer((_request, response) => { response.end('hello') }), NOT_LIBP2P],
  ['a web server that answers at once', () => tcp(socket => {
    socket.once('data', () => socket.end(`HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n${'x'.repeat(200)}`))
  }), NOT_LIBP2P],
  ['a TLS server that closes', () => createTlsServer({}), CLOSED],
  // What OpenSSL sends to who does not speak TLS: a fatal alert.
  ['a TLS server that says why', () => tcp(socket => {
    socket.once('data', () => socket.end(Buffer.from('15030100020246', 'hex')))
  }), NOT_LIBP2P],
  ['an SSH server', () => tcp(socket => {
    socket.write('SSH-2.0-OpenSSH_9.6\r\n')
    socket.once('data', () => socket.end('Invalid SSH identification string.\r\n'))
  }), NOT_LIBP2P],
  ['a service that repeats what it hears', () => tcp(socket => { socket.pipe(socket) }), NOT_LIBP2P],
  ['a service that sends zeros', () => tcp(socket => { socket.write(Buffer.alloc(2000)) }), NOT_LIBP2P],
  ['a service that closes', () => tcp(socket => { socket.end() }), CLOSED],
  ['a service that closes when it hears something', () => tcp(socket => { socket.once('data', () => socket.end()) }), CLOSED],
  ['a service that resets', () => tcp(socket => { socket.resetAndDestroy() }), RESET]
]

async function addrOf (server: Server): Promise<string> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => { sockets.add(socket) })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  return `/ip4/127.0.0.1/tcp/${port}`
}

/** What a pull says that looks for its peer there. */
async function wordsOf (server: Server, giveUpSeconds: number): Promise<string> {
  const [addr, node] = [await addrOf(server), await startNode()]
  const pulling = node.pull(ROOT, await target(), { peers: [addr], giveUpSeconds })
  const err: unknown = await pulling.catch((err: unknown) => err)
  return err instanceof Error ? err.message.replace(/^.*; no/, 'no').replace(`${addr}: `, '') : 'no error'
}

const notReached = (words: string): string =>
  `no peer could be reached (${words}); check the address and port, and that no firewall or NAT is in the way`

describe('a pull from an address where no peer listens', () => {
  it('says in words what listens, and that no peer was reached', async () => {
    const said = await Promise.all(SERVICES.map(async ([name, make]) => [name, await wordsOf(make(), 3)]))
    expect(said).toEqual(SERVICES.map(([name, , words]) => [name, notReached(words)]))
  })

  it('tells a service that accepts and says nothing, or too little, from an address that does not answer', async () => {
    const silent = tcp(socket => { socket.resume() })
    const terse = tcp(socket => { socket.write('SSH-2.0-OpenSSH_9.6\r\n') })
    const said = await Promise.all([silent, terse].map(async server => await wordsOf(server, 12)))
    const words = notReached('it takes connections and never answers as a libp2p node does')
    expect(said).toEqual([words, words])
  })
})
