import type { VirtualClock } from './virtual-clock.ts'

// What travels, and how:
//
//   frame ─► socket buffer of the pair ─► chunks, in turn with the node's other pairs ─► up-link ─► latency ─►
// down-link
//   control frames and blocks of one pair share its order, as they share a TCP connection

/** Chunks of at most this many bytes take turns on a link: smaller ones give the same results, more slowly. */
export const CHUNK_BYTES = 16 * 1024
export interface PairSizes {
  /** Bytes that take turns on a link. */
  readonly chunkBytes: number
  /** What the socket buffer of a connection takes beyond its window before `send` says that it is full. */
  readonly socketBytes: number
}
const SOCKET_BYTES = 64 * 1024
export interface NodeRates {
  /** Payload bytes a ms, headers already taken off; of a shaped node with them. */
  upBytesPerMs: number
  downBytesPerMs: number
}

/** Something that a pair carries in chunks. */
export interface Frame {
  readonly bytes: number
  sent: number
  /** Told of each chunk that came over. */
  readonly deliver: (bytes: number) => void
}

/** One direction of a connection: frames in order. */
export interface Line {
  push: (frame: Frame) => void
  /** The socket buffer takes no more. */
  readonly isFull: boolean
  /** Calls once when it takes more. */
  onDrain: (fn: () => void) => void
}

/** A machine's end of the network. */
export interface SimNode {
  /** Both directions of a new connection. */
  connect: (to: SimNode, latencyMs: number) => [Line, Line]
}

/** A machine's link: serves the pairs that have something to send, in turn. */
export class NetworkNode implements SimNode {
  readonly rates: NodeRates
  readonly chunkBytes: number
  readonly #clock: VirtualClock
  /** Pairs with chunks that their window lets through. */
  readonly #ready: Pair[] = []
  #isSending = false
  #downFreeAt = 0
  sentBytes = 0

  constructor (clock: VirtualClock, rates: NodeRates, chunkBytes = CHUNK_BYTES) {
    this.#clock = clock
    this.rates = rates
    this.chunkBytes = chunkBytes
  }

  connect (to: SimNode, latencyMs: number): [Line, Line] {
    if (!(to instanceof NetworkNode)) throw new TypeError('Both ends of a connection are shaped, or neither is')
    return [new Pair(this.#clock, this, to, latencyMs), new Pair(this.#clock, to, this, latencyMs)]
  }

  offer (pair: Pair): void {
    if (!pair.isQueued) {
      pair.isQueued = true
      this.#ready.push(pair)
    }
    this.#next()
  }

  /** A chunk has come over; it passes the down-link after those before it. */
  arrive (bytes: number, fn: () => void): void {
    const start = Math.max(this.#clock.now(), this.#downFreeAt)
    this.#downFreeAt = start + bytes / this.rates.downBytesPerMs
    this.#clock.after(this.#downFreeAt - this.#clock.now(), fn)
  }

  #next (): void {
    if (this.#isSending) return
    const pair = this.#ready.shift()
    if (pair === undefined) return
    pair.isQueued = false
    const chunk = pair.takeChunk()
    if (chunk === undefined) return this.#next()
    this.#isSending = true
    this.sentBytes += chunk.bytes
    this.#clock.after(chunk.bytes / this.rates.upBytesPerMs, () => {
      this.#isSending = false
      pair.launched(chunk)
      if (pair.canSend && !pair.isQueued) {
        pair.isQueued = true
        this.#ready.push(pair)
      }
      this.#next()
    })
  }
}

interface Chunk { readonly frame: Frame, readonly bytes: number, readonly isLast: boolean }

/** One direction between two nodes: a queue of frames and a window, like one TCP connection. */
export class Pair implements Line {
  isQueued = false
  readonly latencyMs: number
  readonly #clock: VirtualClock
  readonly #from: NetworkNode
  readonly #to: NetworkNode
  readonly #frames: Frame[] = []
  readonly #windowBytes: number
  #inFlightBytes = 0
  #queuedBytes = 0
  #isCut = false
  #isStalled = false
  /** Launched and not yet across: what is late holds up what is behind it. */
  readonly #crossing: Chunk[] = []
  #crossesAt = 0
  /** Added to the latency from now on. */
  lateMs = 0
  readonly #sizes: PairSizes
  readonly #waiting = new Set<() => void>()

  constructor (clock: VirtualClock, from: NetworkNode, to: NetworkNode, latencyMs: number, sizes?: PairSizes) {
    this.#clock = clock
    this.#from = from
    this.#to = to
    this.latencyMs = latencyMs
    const rate = Math.min(from.rates.upBytesPerMs, to.rates.downBytesPerMs)
    this.#sizes = sizes ?? { chunkBytes: from.chunkBytes, socketBytes: SOCKET_BYTES }
    this.#windowBytes = 1.25 * rate * 2 * latencyMs + 4 * this.#sizes.chunkBytes
  }

  get canSend (): boolean {
    return this.#frames.length > 0 && this.#inFlightBytes < this.#windowBytes && !this.#isCut && !this.#isStalled
  }

  get isFull (): boolean {
    return this.#queuedBytes > this.#sizes.socketBytes
  }

  push (frame: Frame): void {
    this.#frames.push(frame)
    this.#queuedBytes += frame.bytes
    if (this.canSend) this.#from.offer(this)
  }

  onDrain (fn: () => void): void {
    this.#waiting.add(fn)
  }

  takeChunk (): Chunk | undefined {
    const frame = this.#frames[0]
    if (frame === undefined || !this.canSend) return undefined
    const bytes = Math.min(this.#sizes.chunkBytes, frame.bytes - frame.sent)
    frame.sent += bytes
    const isLast = frame.sent === frame.bytes
    if (isLast) this.#frames.shift()
    this.#inFlightBytes += bytes
    return { frame, bytes, isLast }
  }

  launched (chunk: Chunk): void {
    this.#queuedBytes -= chunk.bytes
    if (!this.isFull && this.#waiting.size > 0) {
      const waiting = [...this.#waiting]
      this.#waiting.clear()
      for (const fn of waiting) fn()
    }
    const now = this.#clock.now()
    this.#crossesAt = Math.max(this.#crossesAt, now + this.latencyMs + this.lateMs)
    this.#crossing.push(chunk)
    this.#clock.after(this.#crossesAt - now, () => {
      // By turn, not by timer: sums of floats could make two of them change places.
      const chunk = this.#crossing.shift()
      if (chunk === undefined) return
      this.#to.arrive(chunk.bytes, () => {
        if (!this.#isCut) chunk.frame.deliver(chunk.bytes)
        this.#clock.after(this.latencyMs, () => {
          this.#inFlightBytes -= chunk.bytes
          if (this.canSend) this.#from.offer(this)
        })
      })
    })
  }

  /** Bytes waiting for the link. */
  get queuedBytes (): number {
    return this.#queuedBytes
  }

  /** True when the frame at the head has gone out in part. */
  get isMidFrame (): boolean {
    return (this.#frames[0]?.sent ?? 0) > 0
  }

  /** Nothing goes out until `resume`. */
  stall (): void {
    this.#isStalled = true
  }

  resume (): void {
    this.#isStalled = false
    if (this.canSend) this.#from.offer(this)
  }

  cut (): void {
    this.#isCut = true
    this.#frames.length = 0
  }
}
