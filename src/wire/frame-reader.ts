import { ModelswarmError } from '../errors.ts'
import { payloadMemory } from '../memory.ts'
import { decodeFrame } from './codec.ts'
import { WIRE_LIMITS } from './limits.ts'
import type { BlockMessage, Message } from './messages.ts'

/** Where a frame reader hands what it read. All calls are synchronous and in order. */
export interface FrameSink {
  /** A whole message other than a block. */
  onMessage: (message: Message) => void
  /** The header of a block, before its payload. False: the payload is of no use, it is skipped; throwing ends all. */
  onBlockStart: (block: BlockMessage) => boolean
  /** A block and its payload: the buffer is handed over. */
  onBlock: (block: BlockMessage, payload: Uint8Array) => void
  /** A frame of a kind this version does not know; it was skipped. */
  onUnknown: () => void
}

// Reader states:
//
//   length ──varint complete──► header ──body complete──► length            (message, unknown)
//                                  └────── block ───────► payload ──full──► length
//                                  └── useless block ───► skipped ──over──► length

const MAX_LENGTH_BYTES = 4
const newPayload = (bytes: number): Uint8Array => payloadMemory.allocate(bytes)
const NOTHING = new Uint8Array(0)

/**
 * Cuts a stream of bytes into frames. Chunks may end anywhere. Payloads are copied once, into a buffer from `allocate`
 * that is then handed over; nothing of a chunk is kept after `push` returned.
 */
export class FrameReader {
  readonly #sink: FrameSink
  readonly #allocate: (bytes: number) => Uint8Array
  #laterHeaderBytes: number
  #maxHeaderBytes: number
  #state: 'length' | 'header' | 'payload' | 'skipped' = 'length'
  #length = 0
  #lengthBytes = 0
  #buffer: Uint8Array = NOTHING
  #filled = 0
  /** Bytes of the whole header or payload. */
  #needed = 0
  #block: BlockMessage | undefined
  /** Bytes of a skipped payload still to come. */
  #left = 0

  /** The first header (Hello or Attach) may have `firstHeaderBytes`, the later ones `laterHeaderBytes`. */
  constructor (sink: FrameSink, firstHeaderBytes: number, laterHeaderBytes: number, allocate = newPayload) {
    this.#sink = sink
    this.#maxHeaderBytes = firstHeaderBytes
    this.#laterHeaderBytes = laterHeaderBytes
    this.#allocate = allocate
  }

  /** True when no frame has begun and not ended: the place where a stream may end cleanly. */
  get isBetweenFrames (): boolean {
    return this.#state === 'length' && this.#lengthBytes === 0
  }

  /**
   * Takes the next bytes of the stream.
   *
   * @throws ModelswarmError ERR_BAD_FRAME when they are no frame; the stream is useless from then on
   */
  push (chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.byteLength) {
      if (this.#state === 'length') {
        at = this.#readLength(chunk, at)
        continue
      }
      if (this.#state === 'skipped') {
        at += this.#skip(chunk.byteLength - at)
        continue
      }
      const take = Math.min(this.#needed - this.#filled, chunk.byteLength - at)
      if (this.#filled === 0 && take === this.#needed && this.#state === 'header') {
        this.#endHeader(chunk.subarray(at, at + take))
      } else {
        this.#makeRoom(this.#filled + take)
        this.#buffer.set(at === 0 && take === chunk.byteLength ? chunk : chunk.subarray(at, at + take), this.#filled)
        this.#filled += take
        if (this.#filled === this.#needed) {
          if (this.#state === 'header') this.#endHeader(this.#buffer)
          else this.#endPayload()
        }
      }
      at += take
    }
  }

  #readLength (chunk: Uint8Array, start: number): number {
    let at = start
    while (at < chunk.byteLength) {
      const byte = chunk[at++] ?? 0
      this.#length += (byte & 0x7f) * 2 ** (7 * this.#lengthBytes++)
      if (byte < 0x80) {
        this.#beginHeader()
        return at
      }
      if (this.#lengthBytes === MAX_LENGTH_BYTES) {
        throw new ModelswarmError('ERR_BAD_FRAME', 'Frame length is longer than four bytes')
      }
    }
    return at
  }

  #beginHeader (): void {
    const length = this.#length
    this.#length = 0
    this.#lengthBytes = 0
    if (length > this.#maxHeaderBytes) {
      throw new ModelswarmError('ERR_BAD_FRAME', `Frame header of ${length} bytes; the limit here is ${this.#maxHeaderBytes}`,
        { expected: this.#maxHeaderBytes, received: length })
    }
    if (length === 0) {
      this.#sink.onUnknown()
      return
    }
    this.#state = 'header'
    this.#needed = length
    this.#filled = 0
  }

  #endHeader (body: Uint8Array): void {
    const message = decodeFrame(body)
    // Only Holdings is large, and comes once.
    if (message?.type === 'holdings') this.#laterHeaderBytes = Math.min(this.#laterHeaderBytes, WIRE_LIMITS.messageBytes)
    this.#maxHeaderBytes = this.#laterHeaderBytes
    this.#state = 'length'
    this.#buffer = NOTHING
    if (message === undefined) {
      this.#sink.onUnknown()
    } else if (message.type === 'block') {
      if (!this.#sink.onBlockStart(message)) {
        this.#left = message.payloadBytes
        if (this.#left > 0) this.#state = 'skipped'
        return
      }
      this.#block = message
      this.#state = 'payload'
      this.#buffer = this.#allocate(message.payloadBytes)
      this.#needed = message.payloadBytes
      this.#filled = 0
      if (message.payloadBytes === 0) this.#endPayload()
    } else {
      this.#sink.onMessage(message)
    }
  }

  /** A large header that is announced costs memory only as it comes. */
  #makeRoom (bytes: number): void {
    if (bytes <= this.#buffer.byteLength) return
    const larger = new Uint8Array(Math.min(this.#needed, Math.max(bytes, 2 * this.#buffer.byteLength)))
    larger.set(this.#buffer)
    this.#buffer = larger
  }

  /** How many of these bytes belong to the payload that is skipped. */
  #skip (bytes: number): number {
    const skipped = Math.min(this.#left, bytes)
    this.#left -= skipped
    if (this.#left === 0) this.#state = 'length'
    return skipped
  }

  #endPayload (): void {
    const block = this.#block
    const payload = this.#buffer
    this.#block = undefined
    this.#buffer = NOTHING
    this.#state = 'length'
    if (block !== undefined) this.#sink.onBlock(block, payload)
  }
}
