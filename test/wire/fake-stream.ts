import {
  StreamAbortEvent, StreamCloseEvent, StreamMessageEvent, StreamResetEvent, TypedEventEmitter
} from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import type {
  Logger, MessageStreamEvents, MessageStreamReadStatus, MessageStreamStatus, MessageStreamWriteStatus, Stream
} from '@libp2p/interface'

function silentLogger (): Logger {
  return Object.assign(() => {}, { error: () => {}, trace: () => {}, enabled: false, newScope: silentLogger })
}

/**
 * One end of a libp2p stream without a network, as a channel uses it and as libp2p 3.3 does it. `highWater` bytes
 * fit into the transport, more wait in the write buffer until `drain`; what came before anybody listens is kept.
 */
export class FakeStream extends TypedEventEmitter<MessageStreamEvents> implements Stream {
  id = '1'
  protocol = '/fake/1'
  direction = 'outbound' as const
  log = silentLogger()
  timeline = { open: 0 }
  status: MessageStreamStatus = 'open'
  readStatus: MessageStreamReadStatus = 'readable'
  writeStatus: MessageStreamWriteStatus = 'writable'
  remoteReadStatus: MessageStreamReadStatus = 'readable'
  remoteWriteStatus: MessageStreamWriteStatus = 'writable'
  inactivityTimeout = 120_000
  maxReadBufferLength = 4 * 1024 * 1024
  maxWriteBufferLength = Infinity
  writableNeedsDrain = false
  readonly readableEnded = false
  readBufferLength = 0
  /** What was sent and taken by the transport. */
  sent = new Uint8Array(0)
  /** The reason of an abort of our own. */
  aborted: Error | undefined
  closes = 0
  #waiting: Uint8Array[] = []
  #early: Uint8Array[] = []
  readonly #highWater: number
  #inTransport = 0

  constructor (highWater = Infinity) {
    super()
    this.#highWater = highWater
  }

  get writeBufferLength (): number {
    return this.#waiting.reduce((sum, one) => sum + one.byteLength, 0)
  }

  send (data: Uint8Array | Uint8ArrayList): boolean {
    if (this.writeStatus !== 'writable') throw new Error(`Cannot write to a stream that is ${this.writeStatus}`)
    const bytes = data instanceof Uint8Array ? data : data.subarray()
    if (this.writableNeedsDrain) {
      this.#waiting.push(bytes)
      return false
    }
    this.#take(bytes)
    this.writableNeedsDrain = this.#inTransport >= this.#highWater
    return !this.writableNeedsDrain
  }

  /** The transport has room again. */
  drain (): void {
    this.#inTransport = 0
    this.writableNeedsDrain = false
    for (const bytes of this.#waiting.splice(0)) this.#take(bytes)
    this.dispatchEvent(new Event('drain'))
  }

  /** Bytes arrive: as one array, or as the list of arrays that libp2p gives. */
  arrive (...chunks: Uint8Array[]): void {
    if (this.listenerCount('message') === 0) {
      this.#early.push(...chunks)
      return
    }
    const [only = EMPTY] = chunks
    this.dispatchEvent(new StreamMessageEvent(chunks.length === 1 ? only : new Uint8ArrayList(...chunks)))
  }

  /** The other side closes its writing end. */
  remoteClose (): void {
    this.remoteWriteStatus = 'closed'
    this.dispatchEvent(new Event('remoteCloseWrite'))
  }

  /** The other side resets the stream, or the connection is gone. */
  reset (err = new Error('stream reset')): void {
    this.status = 'reset'
    this.writeStatus = 'closed'
    this.dispatchEvent(new StreamResetEvent(err))
  }

  async close (): Promise<void> {
    this.closes++
    if (this.writeStatus !== 'writable') return
    this.writeStatus = 'closed'
    if (this.remoteWriteStatus !== 'closed') return
    this.status = 'closed'
    this.dispatchEvent(new StreamCloseEvent())
  }

  abort (err: Error): void {
    if (this.status !== 'open') return
    this.aborted = err
    this.status = 'aborted'
    this.writeStatus = 'closed'
    this.dispatchEvent(new StreamAbortEvent(err))
  }

  override addEventListener: TypedEventEmitter<MessageStreamEvents>['addEventListener'] = (type, listener, options) => {
    super.addEventListener(type, listener, options)
    if (type !== 'message' || this.#early.length === 0) return
    queueMicrotask(() => { this.arrive(...this.#early.splice(0)) })
  }

  async closeRead (): Promise<void> {}
  pause (): void {}
  resume (): void {}
  push (): void {}
  unshift (): void {}
  async onDrain (): Promise<void> {}
  async * [Symbol.asyncIterator] (): AsyncGenerator<Uint8Array> { yield EMPTY }

  #take (bytes: Uint8Array): void {
    this.#inTransport += bytes.byteLength
    this.sent = Uint8Array.from([...this.sent, ...bytes])
  }
}

const EMPTY = new Uint8Array(0)
