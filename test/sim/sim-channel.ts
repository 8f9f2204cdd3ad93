import { ModelswarmError } from '../../src/errors.ts'
import type { Frame, Line } from './network.ts'
import type { Channel, ChannelSink } from '../../src/wire/channel.ts'
import type { Message } from '../../src/wire/messages.ts'

/** Bytes of a control frame beside its content, and of each index in it. */
const FRAME_BYTES = 24

interface MessageFrame extends Frame {
  readonly message: Message
  readonly payload: Uint8Array | undefined
  arrived: number
}

/** One end of a control or data stream over a pair of directions. */
export class SimChannel implements Channel {
  #sink: ChannelSink | undefined
  #peer: SimChannel | undefined
  readonly #out: Line
  readonly #early: Array<{ frame: MessageFrame, bytes: number }> = []
  #ended: Error | undefined

  constructor (out: Line) {
    this.#out = out
  }

  get peer (): SimChannel {
    if (this.#peer === undefined) throw new Error('SimChannel is not connected')
    return this.#peer
  }

  connect (peer: SimChannel): void {
    this.#peer = peer
  }

  open (sink: ChannelSink): void {
    this.#sink = sink
    for (const { frame, bytes } of this.#early.splice(0)) this.deliver(frame, bytes)
  }

  send (message: Message, payload?: Uint8Array): boolean {
    if (this.#ended !== undefined) return false
    const bytes = FRAME_BYTES + (payload?.byteLength ?? 0) + contentBytes(message)
    const deliver = (count: number): void => { this.peer.deliver(frame, count) }
    const frame: MessageFrame = { message, payload, bytes, sent: 0, arrived: 0, deliver }
    this.#out.push(frame)
    return !this.#out.isFull
  }

  async drained (): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended
    if (!this.#out.isFull) return
    await new Promise<void>((resolve, reject) => {
      this.#out.onDrain(() => {
        if (this.#ended === undefined) resolve()
        else reject(this.#ended)
      })
    })
  }

  /** Bytes of a frame have come; the frame itself with its last ones. */
  deliver (frame: MessageFrame, bytes: number): void {
    const sink = this.#sink
    if (this.#ended !== undefined) return
    if (sink === undefined) {
      this.#early.push({ frame, bytes })
      return
    }
    try {
      sink.onBytes(bytes)
      const isFirst = frame.arrived === 0
      frame.arrived += bytes
      const { message, payload } = frame
      if (message.type === 'block') {
        if (isFirst) sink.onBlockStart(message)
        if (frame.arrived === frame.bytes) sink.onBlock(message, payload ?? new Uint8Array(0))
      } else if (frame.arrived === frame.bytes) {
        sink.onMessage(message)
      }
    } catch (err) {
      this.abort(err instanceof Error ? err : new Error('Frame refused'))
    }
  }

  async close (): Promise<void> {
    this.#end(undefined, new ModelswarmError('ERR_PEER_LOST', 'Closed'))
  }

  abort (err: Error): void {
    this.#end(err, err)
  }

  /** The other side or the network ended it. */
  end (err: Error | undefined): void {
    if (this.#ended !== undefined) return
    this.#ended = err ?? new ModelswarmError('ERR_PEER_LOST', 'The other side closed')
    this.#sink?.onEnd(err)
  }

  #end (told: Error | undefined, ended: Error): void {
    if (this.#ended !== undefined) return
    this.#ended = ended
    const { peer } = this
    this.#out.onDrain(() => {})
    this.#sink?.onEnd(told)
    // What was queued before still goes out; then the other side learns.
    queueMicrotask(() => { peer.end(told === undefined ? undefined : new ModelswarmError('ERR_PEER_LOST', 'Reset')) })
  }
}

function contentBytes (message: Message): number {
  switch (message.type) {
    case 'have': return (message.indexes.length + (message.coming?.length ?? 0)) * 2
    case 'cancel': return message.indexes.length * 2
    case 'request': case 'reject': return message.indexes.length * 2 + message.cids.length * 38
    case 'holdings': return message.bits.byteLength + message.unwanted.byteLength
    case 'peers': return message.records.reduce((sum, record) => sum + record.byteLength, 0)
    default: return 0
  }
}
