import { Uint8ArrayList } from 'uint8arraylist'
import { CLOSE_STREAM_MS, FIRST_DATA_WINDOW_BYTES } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { openedMemory } from '../memory.ts'
import { encodeFrame } from './codec.ts'
import { FrameReader } from './frame-reader.ts'
import { WIRE_LIMITS } from './limits.ts'
import type { ProtocolAnswer } from './protocol-answer.ts'
import type { FrameSink } from './frame-reader.ts'
import type { Message } from './messages.ts'
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'

/** What a channel tells its owner, beside the frames: bytes that came (even of an unfinished frame), and its end. */
export interface ChannelSink extends FrameSink {
  onBytes: (bytes: number) => void
  /** Called once, last. `err` is undefined for a clean end between two frames. */
  onEnd: (err: Error | undefined) => void
}

/** One stream to a peer, as frames. The session sees only this; in tests and the simulator it is a fake. */
export interface Channel {
  /** Sends a frame; false when the transport is full: wait for `drained` before sending more blocks. */
  send: (message: Message, payload?: Uint8Array) => boolean
  /** Resolves when more can be sent, rejects when the channel ended. */
  drained: () => Promise<void>
  /** Begins to deliver; frames that came before are delivered first. */
  open: (sink: ChannelSink) => void
  /** Sends what is queued, then ends. Resolves when ended, or after the transport's own time limit. */
  close: () => Promise<void>
  /** Ends now, telling the other side by a reset. */
  abort: (err: Error) => void
}

/** A data channel carries Attach and blocks, a control channel everything else. */
export type ChannelKind = 'control' | 'data'

/**
 * A channel over a libp2p stream; the only code that touches one. What it works around (libp2p 3.3, DESIGN.md section
 * 7): onDrain() resolves only once per stream, so the drain event is listened to; `for await` has no back pressure, so
 * the message event is, and consumed at once: what can arrive is bounded by the credit we gave. With `answer` the
 * stream begins with the peer's word that it speaks our protocol.
 */
export function streamChannel (stream: Stream, kind: ChannelKind, answer?: ProtocolAnswer): Channel {
  return new StreamChannel(stream, kind, answer)
}

class StreamChannel implements Channel {
  readonly #stream: Stream
  readonly #kind: ChannelKind
  readonly #answer: ProtocolAnswer | undefined
  #waiting: Array<PromiseWithResolvers<void>> = []
  #ended: Error | undefined

  constructor (stream: Stream, kind: ChannelKind, answer: ProtocolAnswer | undefined) {
    this.#stream = stream
    this.#kind = kind
    this.#answer = answer
    // A quiet session is no error: sessions have their own sign of life (KEEPALIVE_MS).
    stream.inactivityTimeout = 2 ** 31 - 1
    tuneWindow(stream, kind)
  }

  open (sink: ChannelSink): void {
    const stream = this.#stream
    const laterBytes = this.#kind === 'control' ? WIRE_LIMITS.frameHeaderBytes : WIRE_LIMITS.dataHeaderBytes
    const reader = new FrameReader(sink, WIRE_LIMITS.helloBytes, laterBytes)
    let isOver = false
    const onMessage = (event: StreamMessageEvent): void => {
      if (isOver) return
      try {
        sink.onBytes(event.data.byteLength)
        for (const chunk of event.data instanceof Uint8Array ? [event.data] : event.data) {
          reader.push(this.#answer?.take(chunk) ?? chunk)
          if (isWholePlaintext(chunk)) openedMemory.giveBack(chunk)
        }
      } catch (err) {
        this.abort(err instanceof Error ? err : new Error('Frame refused'))
      }
    }
    const onDrain = (): void => {
      // The connection can take more, which is told to all its streams; whether this one's window is open shows when
      // the stream has tried, in a microtask queued before this one. Else who does not read is sent without end.
      queueMicrotask(() => { if (!stream.writableNeedsDrain) this.#release() })
    }
    const end = (err: Error | undefined): void => {
      if (isOver) return
      isOver = true
      stream.removeEventListener('message', onMessage)
      stream.removeEventListener('drain', onDrain)
      stream.removeEventListener('close', onClose)
      stream.removeEventListener('remoteCloseWrite', onRemoteClose)
      this.#end(err ?? new ModelswarmError('ERR_PEER_LOST', 'The other side closed the stream'))
      sink.onEnd(err)
    }
    const onClose = (event: StreamCloseEvent): void => {
      end(event.error ?? (reader.isBetweenFrames ? undefined : lost()))
    }
    const onRemoteClose = (): void => {
      // No half-open sessions: who closes its side has nothing more to say, and asks nothing more.
      const err = reader.isBetweenFrames ? undefined : lost()
      end(err)
      if (err === undefined) stream.close().catch(() => { stream.abort(lost()) })
      else stream.abort(err)
    }
    stream.addEventListener('drain', onDrain)
    stream.addEventListener('close', onClose)
    stream.addEventListener('remoteCloseWrite', onRemoteClose)
    stream.addEventListener('message', onMessage)
    if (stream.status !== 'open' || stream.remoteWriteStatus !== 'writable') {
      // It ended before we listened: what it still holds is delivered first, in a microtask of its own.
      queueMicrotask(() => { if (stream.status === 'open') onRemoteClose(); else end(lost()) })
    }
  }

  send (message: Message, payload?: Uint8Array): boolean {
    if (this.#ended !== undefined) return false
    const stream = this.#stream
    if (this.#kind === 'control' && stream.writeBufferLength > WIRE_LIMITS.controlQueueBytes) {
      this.abort(new ModelswarmError('ERR_PROTOCOL', 'Peer does not read its control stream'))
      return false
    }
    try {
      const header = encodeFrame(message)
      // One send, so one muxer frame and one round of encryption; the list keeps the payload uncopied.
      const canSendMore = stream.send(payload === undefined ? header : new Uint8ArrayList(header, payload))
      return canSendMore && !stream.writableNeedsDrain
    } catch (err) {
      this.abort(err instanceof Error ? err : new Error('Stream refused a frame'))
      return false
    }
  }

  async drained (): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended
    if (!this.#stream.writableNeedsDrain) return
    const waiting = Promise.withResolvers<void>()
    this.#waiting.push(waiting)
    await waiting.promise
  }

  async close (): Promise<void> {
    const stream = this.#stream
    const signal = AbortSignal.timeout(CLOSE_STREAM_MS)
    try {
      await stream.close({ signal })
      // Our half is closed; the stream is gone when the other side has closed its own.
      if (stream.status === 'open' || stream.status === 'closing') await ended(stream, signal)
      this.#end(lost())
    } catch (err) {
      this.abort(err instanceof Error ? err : new Error('Stream did not close'))
    }
  }

  abort (err: Error): void {
    this.#stream.abort(err)
    this.#end(err)
  }

  #release (): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const one of waiting) one.resolve()
  }

  #end (err: Error): void {
    this.#ended ??= err
    const waiting = this.#waiting
    this.#waiting = []
    for (const one of waiting) one.reject(this.#ended)
  }
}

/** Bytes of the header before every frame of yamux. */
const MUXER_HEADER_BYTES = 12

/**
 * True when these bytes are all that came in one encrypted message, but for the muxer's header of this very frame: then
 * no other stream has a part of the same buffer.
 */
function isWholePlaintext (chunk: Uint8Array): boolean {
  return (chunk.byteOffset === 0 || chunk.byteOffset === MUXER_HEADER_BYTES) && openedMemory.isEnd(chunk)
}

interface WindowedStream {
  recvWindow: number
  recvWindowCapacity: number
  sendWindowUpdate: () => void
}

function isWindowed (stream: object): stream is WindowedStream {
  return 'recvWindow' in stream && typeof stream.recvWindow === 'number' &&
    'recvWindowCapacity' in stream && typeof stream.recvWindowCapacity === 'number' &&
    'sendWindowUpdate' in stream && typeof stream.sendWindowUpdate === 'function'
}

/**
 * yamux 8 answers every data frame with a window update, an encrypted message and a system call each on both sides.
 * Half a window is soon enough: it opens before the other half is used up. Blocks begin with a window that holds two
 * of the largest: with the usual 256 KiB a block of 1 MiB stops once or twice on a long path, and the next behind it.
 * Leaves any other muxer's stream alone.
 */
function tuneWindow (stream: Stream, kind: ChannelKind): void {
  if (!isWindowed(stream)) return
  const send = stream.sendWindowUpdate.bind(stream)
  stream.sendWindowUpdate = () => { if (stream.recvWindowCapacity <= stream.recvWindow / 2) send() }
  if (kind === 'data' && stream.recvWindow < FIRST_DATA_WINDOW_BYTES) {
    stream.recvWindow = FIRST_DATA_WINDOW_BYTES
    try {
      send()
    } catch {
      // The connection is over: the channel says so when it is opened.
    }
  }
}

/** Resolves with the stream's end, rejects when the signal is faster. */
async function ended (stream: Stream, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = (): void => { reject(lost()) }
  const onClose = (): void => { resolve() }
  stream.addEventListener('close', onClose)
  signal.addEventListener('abort', onAbort)
  try {
    await promise
  } finally {
    stream.removeEventListener('close', onClose)
    signal.removeEventListener('abort', onAbort)
  }
}

function lost (): ModelswarmError {
  return new ModelswarmError('ERR_PEER_LOST', 'The connection to the peer was lost')
}
