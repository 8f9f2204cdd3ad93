import { TcpLine } from './tcp.ts'
import type { Line, NodeRates, SimNode } from './network.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** What waits for a shaped link, in ms of its rate, and how much passes at once after a pause: the lab's tbf. */
const QUEUE_MS = 50
const BURST_MS = 4
const LEAST_BURST_BYTES = 16 * 1024

/** A token bucket with a queue that drops what finds no room in it. */
export class ShapedQueue {
  drops = 0
  /** Bytes on the wire that passed. */
  passedBytes = 0
  readonly #bytesPerMs: number
  readonly #burstMs: number
  #freeAt = -Infinity

  constructor (bytesPerMs: number) {
    this.#bytesPerMs = bytesPerMs
    this.#burstMs = Math.max(BURST_MS, LEAST_BURST_BYTES / bytesPerMs)
  }

  /** When so many bytes that come now have passed; undefined when they are dropped. */
  pass (bytes: number, now: number): number | undefined {
    const takesMs = bytes / this.#bytesPerMs
    const doneAt = Math.max(this.#freeAt, now - this.#burstMs) + takesMs
    if (doneAt > now + QUEUE_MS + this.#burstMs) {
      this.drops++
      return undefined
    }
    this.#freeAt = doneAt
    this.passedBytes += bytes
    return Math.max(now, doneAt)
  }
}

/** A machine behind two shaped links, as in the lab; its connections are TCP's. */
export class ShapedNode implements SimNode {
  readonly clock: VirtualClock
  readonly up: ShapedQueue
  readonly down: ShapedQueue

  /** Rates are those on the wire, headers included. */
  constructor (clock: VirtualClock, { upBytesPerMs, downBytesPerMs }: NodeRates) {
    this.clock = clock
    this.up = new ShapedQueue(upBytesPerMs)
    this.down = new ShapedQueue(downBytesPerMs)
  }

  connect (to: SimNode, latencyMs: number): [Line, Line] {
    if (!(to instanceof ShapedNode)) throw new TypeError('Both ends of a connection are shaped, or neither is')
    const there = new TcpLine(this, to, latencyMs)
    const back = new TcpLine(to, this, latencyMs)
    there.pairWith(back)
    back.pairWith(there)
    return [there, back]
  }
}
