// The baseline below all others: one TCP connection, written to in pieces of 1 MiB, one way.
import { connect, createServer } from 'node:net'
import { answer } from './answer.ts'
import { listen } from './listen.ts'
import type { Socket } from 'node:net'

const WRITE_BYTES = 1024 * 1024

answer({
  /** Sends `bytes` to whoever connects. */
  listen: async asked => {
    const bytes = asked.number('bytes')
    const server = createServer(socket => { send(socket, bytes) })
    return { port: await listen(server) }
  },
  /** `seconds` from connecting to the last byte. */
  receive: async asked => {
    const bytes = asked.number('bytes')
    const startMs = performance.now()
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const socket = connect(asked.number('port'), '127.0.0.1')
    let received = 0
    socket.on('data', chunk => { received += chunk.byteLength })
    socket.on('error', reject)
    socket.on('end', () => {
      if (received === bytes) resolve(received)
      else reject(new Error(`The connection ended after ${received} of ${bytes} bytes`))
    })
    await promise
    return { bytes: received, seconds: (performance.now() - startMs) / 1000 }
  }
})

function send (socket: Socket, bytes: number): void {
  const piece = new Uint8Array(WRITE_BYTES).fill(0xa5)
  let left = bytes
  const write = (): void => {
    while (left > 0) {
      const size = Math.min(left, WRITE_BYTES)
      left -= size
      if (!socket.write(size === WRITE_BYTES ? piece : piece.subarray(0, size))) return
    }
    socket.end()
  }
  socket.on('drain', write)
  socket.on('error', () => { socket.destroy() })
  write()
}
