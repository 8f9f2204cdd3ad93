import { isModelswarmError, ModelswarmError } from '../../src/errors.ts'
import { encodeFrame } from '../../src/wire/codec.ts'
import { FrameReader } from '../../src/wire/frame-reader.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import type { Clock } from '../../src/swarm/ports.ts'
import type { Channel, ChannelSink } from '../../src/wire/channel.ts'
import type { Message } from '../../src/wire/messages.ts'

/**
 * One end of a pair of channels in memory, with a latency and real frames. As with a stream: what was sent before a
 * close arrives before the end of it, an aborted end reads no more, and what comes before `open` waits.
 */
export class MemoryChannel implements Channel {
  /** What this end was sent and has read, and how it ended, for tests. */
  readonly received: Message[] = []
  readonly ends: Array<Error | undefined> = []
  isClosed = false
  /** Called with what this end sends; false loses it. */
  tap: (message: Message) => boolean = () => true
  readonly #clock: Clock
  readonly #latencyMs: number
  #other: MemoryChannel | undefined
  #sink: ChannelSink | undefined
  #reader: FrameReader | undefined
  readonly #early: Array<() => void> = []

  constructor (clock: Clock, latencyMs: number) {
    this.#clock = clock
    this.#latencyMs = latencyMs
  }

  static pair (clock: Clock, latencyMs = 5): [MemoryChannel, MemoryChannel] {
    const near = new MemoryChannel(clock, latencyMs)
    const far = new MemoryChannel(clock, latencyMs)
    near.#other = far
    far.#other = near
    return [near, far]
  }

  open (sink: ChannelSink): void {
    this.#sink = sink
    const note = (message: Message): void => { this.received.push(message) }
    this.#reader = new FrameReader({
      ...sink,
      onMessage: message => {
        note(message)
        sink.onMessage(message)
      },
      onBlockStart: block => {
        note(block)
        return sink.onBlockStart(block)
      }
    }, WIRE_LIMITS.helloBytes, WIRE_LIMITS.frameHeaderBytes)
    for (const act of this.#early.splice(0)) act()
  }

  /** For puppets: reads whatever comes and remembers it. */
  listen (own: Partial<ChannelSink> = {}): this {
    this.open({
      onMessage: () => {},
      onBlockStart: () => true,
      onBlock: () => {},
      onUnknown: () => {},
      onBytes: () => {},
      onEnd: () => {},
      ...own
    })
    return this
  }

  send (message: Message, payload?: Uint8Array): boolean {
    if (this.isClosed || !this.tap(message)) return !this.isClosed
    this.sendBytes(encodeFrame(message))
    if (payload !== undefined) this.sendBytes(payload.slice())
    return true
  }

  /** Bytes as they are, for puppets that speak nonsense. */
  sendBytes (bytes: Uint8Array): void {
    this.#toOther(other => { other.#arrive(bytes) })
  }

  async drained (): Promise<void> {
    if (this.isClosed) throw new ModelswarmError('ERR_PEER_LOST', 'The channel was closed')
  }

  async close (): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    this.#toOther(other => { other.#end(undefined) })
  }

  abort (err: Error): void {
    if (this.ends.length > 0) return
    const wasClosed = this.isClosed
    this.isClosed = true
    this.#end(err)
    const told = isModelswarmError(err) ? new Error(`reset after: ${err.message}`) : new Error('reset')
    if (!wasClosed) this.#toOther(other => { other.#end(told) })
  }

  #toOther (act: (other: MemoryChannel) => void): void {
    const other = this.#other
    if (other === undefined) throw new Error('A channel without another end')
    this.#clock.setTimer(this.#latencyMs, () => {
      if (other.#sink === undefined) other.#early.push(() => { act(other) })
      else act(other)
    })
  }

  #arrive (bytes: Uint8Array): void {
    if (this.ends.length > 0) return
    try {
      this.#sink?.onBytes(bytes.byteLength)
      this.#reader?.push(bytes)
    } catch (err) {
      this.abort(err instanceof Error ? err : new Error('Frame refused'))
    }
  }

  #end (err: Error | undefined): void {
    if (this.ends.length > 0) return
    this.ends.push(err)
    this.isClosed = true
    this.#sink?.onEnd(err)
  }
}
