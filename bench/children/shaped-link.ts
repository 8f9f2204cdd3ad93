// A link of so many bits a second between two processes: a TCP proxy with a token bucket each way.
import { createServer, connect } from 'node:net'
import { answer } from './answer.ts'
import type { Socket } from 'node:net'

const TICK_MS = 5
/** What may be sent at once: two ticks, so that a late timer loses nothing. */
const BURST_MS = 2 * TICK_MS
/** Read from one side and not yet passed on, before it is no longer read: a router's buffer. */
const QUEUE_BYTES = 256 * 1024

answer({
  /** Listens, and passes what comes on to `port`. */
  listen: async asked => {
    const [to, bytesPerMs] = [asked.number('port'), asked.number('bitsPerSec') / 8000]
    const server = createServer(socket => {
      const far = connect(to, '127.0.0.1')
      shape(socket, far, bytesPerMs)
      shape(far, socket, bytesPerMs)
    })
    await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('No port')
    return { port: address.port }
  }
})

function shape (from: Socket, to: Socket, bytesPerMs: number): void {
  let queue: Buffer[] = []
  let queued = 0
  let tokens = 0
  let at = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    // A process that was kept waiting makes up for it: the rate is kept over time.
    tokens = Math.min(bytesPerMs * Math.max(BURST_MS, now - at), tokens + (now - at) * bytesPerMs)
    at = now
    while (tokens >= 1 && queue.length > 0) {
      const [first = Buffer.alloc(0), ...rest] = queue
      const part = first.subarray(0, Math.floor(tokens))
      queue = part.byteLength === first.byteLength ? rest : [first.subarray(part.byteLength), ...rest]
      tokens -= part.byteLength
      queued -= part.byteLength
      to.write(part)
    }
    if (queued < QUEUE_BYTES) from.resume()
  }, TICK_MS)
  from.on('data', chunk => {
    queue.push(chunk)
    queued += chunk.byteLength
    if (queued >= QUEUE_BYTES) from.pause()
  })
  const end = (): void => {
    clearInterval(timer)
    from.destroy()
    to.destroy()
  }
  from.on('close', end)
  from.on('error', end)
}
