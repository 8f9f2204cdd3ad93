import { ModelswarmError } from '../../../src/errors.ts'
import { encodeFrame } from '../../../src/wire/codec.ts'
import { FrameReader } from '../../../src/wire/frame-reader.ts'
import { WIRE_LIMITS } from '../../../src/wire/limits.ts'
import type { Frame, Pair } from '../network.ts'
import type { ProcessClock } from './process-clock.ts'
import type { Channel, ChannelKind, ChannelSink } from '../../../src/wire/channel.ts'
import type { Message } from '../../../src/wire/messages.ts'

export interface FaultChannelParts {
  readonly out: Pair
  readonly kind: ChannelKind
  /** Every byte goes through the library's codec and frame reader; else messages are passed on as they are. */
  readonly isExact: boolean
  readonly clock: ProcessClock
  /** Told of what this end sends and what it reads. */
  readonly onSend: (message: Message, payload: Uint8Array | undefined) => void
  readonly onRead: (message: Message) => void
}

/** As the transport's own: how long a close waits for the other side. */
const CLOSE_MS = 5000
const END_BYTES = 12

// One end of a stream, as wire/channel.ts behaves over libp2p:
//
//   open ──close──► closed (still reads) ──their close, or 5 s──► ended
//     └───────abort, their close or reset, the line lost ───────────┘

/** A stream over a pair of the simulated network, whose frames can be lost half-way. */
export class FaultChannel implements Channel {
  readonly parts: FaultChannelParts
  #peer: FaultChannel | undefined
  #sink: ChannelSink | undefined
  #reader: FrameReader | undefined
  #state: 'open' | 'closed' | 'ended' = 'open'
  #isDead = false
  #early: Array<() => void> = []
  #waiting: Array<PromiseWithResolvers<void>> = []
  #cancelClose: () => void = () => {}
  readonly #closed = Promise.withResolvers<void>()
  /** A frame has begun to come and not ended. */
  #isMidFrame = false

  constructor (parts: FaultChannelParts) {
    this.parts = parts
  }

  static connect (a: FaultChannel, b: FaultChannel): void {
    a.#peer = b
    b.#peer = a
  }

  get isEnded (): boolean {
    return this.#state === 'ended'
  }

  open (sink: ChannelSink): void {
    const { onRead, kind } = this.parts
    this.#sink = {
      ...sink,
      onMessage: message => {
        onRead(message)
        sink.onMessage(message)
      },
      onBlockStart: block => {
        onRead(block)
        return sink.onBlockStart(block)
      }
    }
    const later = kind === 'control' ? WIRE_LIMITS.frameHeaderBytes : WIRE_LIMITS.dataHeaderBytes
    this.#reader = new FrameReader(this.#sink, WIRE_LIMITS.helloBytes, later)
    for (const act of this.#early.splice(0)) act()
  }

  send (message: Message, payload?: Uint8Array): boolean {
    const { out, kind, isExact, onSend } = this.parts
    if (this.#state !== 'open' || this.#isDead) return false
    if (kind === 'control' && out.queuedBytes > WIRE_LIMITS.controlQueueBytes) {
      this.abort(new ModelswarmError('ERR_PROTOCOL', 'Peer does not read its control stream'))
      return false
    }
    onSend(message, payload)
    if (isExact) this.sendBytes(joined(encodeFrame(message), payload))
    else this.#sendWhole(message, payload)
    return !out.isFull
  }

  /** Bytes as they are. */
  sendBytes (bytes: Uint8Array): void {
    let at = 0
    this.#push(bytes.byteLength, count => {
      const from = at
      at += count
      this.#toPeer(peer => { peer.#read(count, () => { peer.#reader?.push(bytes.subarray(from, at)) }) })
    })
  }

  async drained (): Promise<void> {
    if (this.#state !== 'open') throw lost()
    if (!this.parts.out.isFull) return
    const waiting = Promise.withResolvers<void>()
    this.#waiting.push(waiting)
    this.parts.out.onDrain(() => { if (!this.#isDead) waiting.resolve() })
    await waiting.promise
  }

  async close (): Promise<void> {
    if (this.#state === 'open' && !this.#isDead) {
      this.#state = 'closed'
      this.#push(END_BYTES, () => { this.#toPeer(peer => { peer.#onTheirClose() }) })
      this.#cancelClose = this.parts.clock.setTimer(CLOSE_MS, () => { this.abort(lost()) })
    }
    if (this.#state !== 'ended') await this.#closed.promise
  }

  abort (err: Error): void {
    if (this.#state === 'ended' || this.#isDead) return
    this.#push(END_BYTES, () => { this.#toPeer(peer => { peer.lose() }) })
    this.#end(err)
  }

  /** The other side or the network took it away. */
  lose (): void {
    this.#end(lost())
  }

  /** Its process is gone: nobody hears of anything any more. */
  kill (): void {
    this.#isDead = true
  }

  #sendWhole (message: Message, payload: Uint8Array | undefined): void {
    const bytes = 24 + (payload?.byteLength ?? 0) + ('indexes' in message ? message.indexes.length * 2 : 0)
    let seen = 0
    this.#push(bytes, count => {
      const isFirst = seen === 0
      seen += count
      const isLast = seen === bytes
      this.#toPeer(peer => {
        peer.#read(count, () => {
          peer.#isMidFrame = !isLast
          const sink = peer.#sink
          if (message.type !== 'block') {
            if (isLast) sink?.onMessage(message)
            return
          }
          if (isFirst) sink?.onBlockStart(message)
          if (isLast) sink?.onBlock(message, payload ?? new Uint8Array(0))
        })
      })
    })
  }

  #push (bytes: number, deliver: (count: number) => void): void {
    const frame: Frame = { bytes, sent: 0, deliver }
    this.parts.out.push(frame)
  }

  #toPeer (act: (peer: FaultChannel) => void): void {
    const peer = this.#peer
    if (peer === undefined || peer.#isDead) return
    if (peer.#sink === undefined && peer.#state === 'open') peer.#early.push(() => { act(peer) })
    else act(peer)
  }

  #read (count: number, deliver: () => void): void {
    if (this.#state === 'ended' || this.#isDead) return
    try {
      this.#sink?.onBytes(count)
      deliver()
    } catch (err) {
      this.abort(err instanceof Error ? err : new Error('Frame refused'))
    }
  }

  #onTheirClose (): void {
    const isBetween = !this.#isMidFrame && this.#reader?.isBetweenFrames !== false
    if (this.#state === 'open' && isBetween) this.#push(END_BYTES, () => { this.#toPeer(peer => { peer.#onTheirClose() }) })
    if (isBetween) this.#end(undefined)
    else this.abort(lost())
  }

  #end (err: Error | undefined): void {
    if (this.#state === 'ended' || this.#isDead) return
    this.#state = 'ended'
    this.#cancelClose()
    this.#early = []
    this.#closed.resolve()
    for (const waiting of this.#waiting.splice(0)) {
      waiting.promise.catch(() => {})
      waiting.reject(err ?? lost())
    }
    this.#sink?.onEnd(err)
  }
}

function joined (header: Uint8Array, payload: Uint8Array | undefined): Uint8Array {
  if (payload === undefined) return header
  const bytes = new Uint8Array(header.byteLength + payload.byteLength)
  bytes.set(header)
  bytes.set(payload, header.byteLength)
  return bytes
}

function lost (): ModelswarmError {
  return new ModelswarmError('ERR_PEER_LOST', 'The connection to the peer was lost')
}
