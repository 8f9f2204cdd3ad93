// One direction of a node's access: a token bucket that serves the flows which share it by turns.
//
//   lanes (one a flow) ──by turns, TURN_BYTES each──► bucket ──► line: what has left, in order, each with its time
//
// Pure: time is an argument, in ms. The bucket is kept as the time at which it is level (freeAtMs): bytes move that
// time on, and it never lags behind the clock by more than the burst.
import type { Flow } from './flow.ts'

/** What a flow may send before it is the next one's turn. */
export const TURN_BYTES = 16 * 1024
/** Depth of the bucket, as much as an idle link may send at once. */
export const BURST_MS = 4

export interface LaneParts {
  flow: Flow
  /** False holds the lane back although it has bytes. */
  maySend: () => boolean
  /** Hears how many bytes each turn took. */
  onTake: (bytes: number) => void
}

/** The bytes of one flow that wait at one link. */
export class Lane {
  readonly flow: Flow
  readonly #maySend: () => boolean
  readonly #onTake: (bytes: number) => void
  readonly #chunks: Uint8Array[] = []
  #bytes = 0

  constructor ({ flow, maySend, onTake }: LaneParts) {
    this.flow = flow
    this.#maySend = maySend
    this.#onTake = onTake
  }

  get bytes (): number {
    return this.#bytes
  }

  get isReady (): boolean {
    return this.#bytes > 0 && this.#maySend()
  }

  /** Takes the chunk over. */
  push (chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.byteLength
  }

  /** One turn's bytes, at least one. */
  take (): Uint8Array[] {
    const taken: Uint8Array[] = []
    let left = TURN_BYTES
    while (left > 0) {
      const first = this.#chunks.shift()
      if (first === undefined) break
      const part = first.subarray(0, left)
      if (part.byteLength < first.byteLength) this.#chunks.unshift(first.subarray(part.byteLength))
      taken.push(part)
      left -= part.byteLength
    }
    this.#bytes -= TURN_BYTES - left
    this.#onTake(TURN_BYTES - left)
    return taken
  }

  clear (): void {
    this.#chunks.length = 0
    this.#bytes = 0
  }
}

/** A turn's bytes that have left a link at `atMs`. */
export interface Piece {
  readonly flow: Flow
  readonly chunks: readonly Uint8Array[]
  readonly bytes: number
  readonly atMs: number
}

export class Link {
  readonly bytesPerMs: number
  readonly #delayMs: number
  readonly #lanes: Lane[] = []
  readonly #line: Piece[] = []
  #freeAtMs = -Infinity
  #idleUntilMs = -Infinity
  #isIdle = true
  #carriedBytes = 0

  /** What leaves is on its way for `delayMs`. */
  constructor ({ bytesPerSec, delayMs }: { bytesPerSec: number, delayMs: number }) {
    if (!(bytesPerSec > 0)) throw new RangeError(`A link carries more than ${bytesPerSec} bytes a second`)
    this.bytesPerMs = bytesPerSec / 1000
    this.#delayMs = delayMs
  }

  get carriedBytes (): number {
    return this.#carriedBytes
  }

  add (lane: Lane): void {
    this.#lanes.push(lane)
  }

  remove (lane: Lane): void {
    const i = this.#lanes.indexOf(lane)
    if (i !== -1) this.#lanes.splice(i, 1)
  }

  /** When something happens here next; Infinity when nothing will. */
  get nextAtMs (): number {
    const arrives = this.#line[0]?.atMs ?? Infinity
    return this.#isIdle ? arrives : Math.min(arrives, Math.max(this.#freeAtMs, this.#idleUntilMs))
  }

  /** A lane may have become ready: an idle link begins now, a busy one goes on. */
  wake (nowMs: number): void {
    if (this.#isIdle) this.#idleUntilMs = nowMs
    this.#isIdle = false
  }

  /**
   * Serves lanes as far as the bucket has tokens at `nowMs`, which is `nextAtMs` even when the clock is further: a link
   * that had something to send all along loses nothing because the process woke late.
   */
  serve (nowMs: number): void {
    if (this.#isIdle || nowMs < this.#idleUntilMs) return
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs - BURST_MS)
    while (this.#freeAtMs <= nowMs) {
      const i = this.#lanes.findIndex(lane => lane.isReady)
      const lane = this.#lanes[i]
      this.#isIdle = lane === undefined
      if (lane === undefined) return
      // behind all others, until its next turn
      this.#lanes.splice(i, 1)
      this.#lanes.push(lane)
      const chunks = lane.take()
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
      this.#freeAtMs += bytes / this.bytesPerMs
      this.#carriedBytes += bytes
      this.#line.push({ flow: lane.flow, chunks, bytes, atMs: Math.max(this.#freeAtMs, nowMs) + this.#delayMs })
    }
  }

  /** The next piece that has arrived at `nowMs`. */
  shift (nowMs: number): Piece | undefined {
    const first = this.#line[0]
    return first !== undefined && first.atMs <= nowMs ? this.#line.shift() : undefined
  }
}
