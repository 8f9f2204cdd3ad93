// Joins network.ts to sockets. A door is a port that carries the connections of one node to a port of another:
//
//   node 3 ──► door 3 to 0 ══ network: up of 3, down of 0, and back: up of 0, down of 3 ══► port of node 0
//
// All on loopback and without privileges. What a connection gives is read no faster than its link takes it, and what a
// receiver does not read closes the flow's window: so back pressure goes from end to end.
import { connect, createServer } from 'node:net'
import { Network } from './network.ts'
import type { Server, Socket } from 'node:net'
import type { Flow } from './flow.ts'
import type { Delivery, NodeRates } from './network.ts'

export const LOOPBACK = '127.0.0.1'

export interface DoorOptions {
  /** Numbers of the nodes. */
  from: number
  to: number
  /** Where `to` listens, on loopback. */
  port: number
}

interface Ends {
  readonly flow: Flow
  readonly from: Socket
  readonly to: Socket
  isEnding: boolean
}

export class Relay {
  readonly #network: Network
  readonly #rttMs: number
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  readonly #ends = new Map<Flow, Ends>()
  readonly #paused = new Set<Flow>()
  #timer: NodeJS.Timeout | undefined
  #timerAtMs = Infinity

  constructor ({ rttMs }: { rttMs: number }) {
    this.#rttMs = rttMs
    this.#network = new Network({ rttMs })
  }

  addNode (rates: NodeRates): number {
    return this.#network.addNode(rates)
  }

  carried (node: number): { upBytes: number, downBytes: number } {
    return this.#network.carried(node)
  }

  /** Opens a door; its port. */
  async openDoor ({ from, to, port }: DoorOptions): Promise<number> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, near => {
      this.#keep(near)
      // the handshake takes a round trip before anything can be said
      setTimeout(() => {
        if (near.destroyed) return
        const far = connect({ port, host: LOOPBACK, allowHalfOpen: true, noDelay: true })
        this.#keep(far)
        this.#pipe(near, far, this.#network.connect(from, to))
        this.#pipe(far, near, this.#network.connect(to, from))
      }, this.#rttMs)
    })
    this.#servers.push(server)
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    server.once('error', reject)
    server.listen(0, LOOPBACK, () => {
      const address = server.address()
      if (address === null || typeof address === 'string') reject(new Error('A door has no port'))
      else resolve(address.port)
    })
    return await promise
  }

  /** Ends every connection and closes every door. */
  async close (): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    clearTimeout(this.#timer)
    await Promise.all(this.#servers.map(async server => {
      await new Promise<void>(resolve => { server.close(() => { resolve() }) })
    }))
  }

  #keep (socket: Socket): void {
    this.#sockets.add(socket)
    // 'close' follows, and ends the other side
    socket.on('error', () => {})
    socket.on('close', () => { this.#sockets.delete(socket) })
  }

  #pipe (from: Socket, to: Socket, flow: Flow): void {
    const ends: Ends = { flow, from, to, isEnding: false }
    this.#ends.set(flow, ends)
    from.on('data', chunk => {
      this.#network.send(flow, chunk, performance.now())
      if (flow.isFull) {
        from.pause()
        this.#paused.add(flow)
      }
      this.#arm()
    })
    from.on('end', () => {
      ends.isEnding = true
      this.#endIfDone(ends)
    })
    const close = (): void => {
      this.#network.close(flow)
      this.#ends.delete(flow)
      this.#paused.delete(flow)
    }
    // who closes without having ended was reset, and so is the other side
    from.on('close', hadError => {
      if (!hadError && ends.isEnding) return
      close()
      to.resetAndDestroy()
    })
    to.on('close', close)
    to.on('drain', () => {
      this.#network.release(flow, performance.now())
      this.#arm()
    })
    from.resume()
  }

  #endIfDone ({ flow, to, isEnding }: Ends): void {
    if (isEnding && flow.waitingBytes === 0) to.end()
  }

  #advance (): void {
    this.#timerAtMs = Infinity
    const reached = new Set<Ends>()
    for (const delivery of this.#network.advance(performance.now())) this.#deliver(delivery, reached)
    for (const ends of reached) {
      ends.to.uncork()
      if (ends.to.writableNeedDrain) ends.flow.hold()
      // only now: of several pieces the first finds nothing waiting either
      this.#endIfDone(ends)
    }
    for (const flow of this.#paused) {
      if (flow.isFull) continue
      this.#paused.delete(flow)
      this.#ends.get(flow)?.from.resume()
    }
    this.#arm()
  }

  /** Several pieces for one socket go by one system call. */
  #deliver ({ flow, chunks }: Delivery, reached: Set<Ends>): void {
    const ends = this.#ends.get(flow)
    if (ends === undefined) return
    const { to } = ends
    if (!reached.has(ends)) {
      reached.add(ends)
      to.cork()
    }
    for (const chunk of chunks) to.write(chunk)
  }

  /** Node's timers are of whole milliseconds: one that fires late finds all its work in order (Link.serve). */
  #arm (): void {
    const atMs = this.#network.nextAtMs
    if (atMs >= this.#timerAtMs) return
    clearTimeout(this.#timer)
    this.#timerAtMs = atMs
    this.#timer = setTimeout(() => { this.#advance() }, Math.ceil(Math.max(0, atMs - performance.now())))
  }
}
