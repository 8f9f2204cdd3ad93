import { SEGMENT_BYTES } from './cubic.ts'
import type { Frame } from './network.ts'
import type { VirtualClock } from './virtual-clock.ts'

const DELAYED_ACK_MS = 40
/** Acknowledged at once, while a connection is young. */
const QUICK_ACKS = 16

/** What a receiver tells: it has all `upTo` there, the packets that begin at `beyond`, and what came last. */
export interface Ack {
  readonly upTo: number
  readonly beyond: readonly number[]
  readonly order: number
  readonly sentAt: number
}

/** The receiving side of one direction of a TCP connection: puts packets in order, and acknowledges every second. */
export class TcpReceiver {
  readonly #clock: VirtualClock
  readonly #onAckDue: () => void
  readonly #frames: Array<{ frame: Frame, left: number }> = []
  #received = 0
  readonly #beyond = new Map<number, number>()
  #unackedBytes = 0
  #acks = 0
  #latest = { order: 0, sentAt: 0 }
  #cancelDelay: (() => void) | undefined

  constructor (clock: VirtualClock, onAckDue: () => void) {
    this.#clock = clock
    this.#onAckDue = onAckDue
  }

  /** A frame is on its way, behind those before. */
  expect (frame: Frame): void {
    this.#frames.push({ frame, left: frame.bytes })
  }

  /** The bytes from `start` to `end` came, with which transmission, and when that was sent. */
  receive (start: number, end: number, transmission: { order: number, sentAt: number }): void {
    this.#latest = transmission
    this.#unackedBytes += end - start
    const before = this.#received
    if (start > before) this.#beyond.set(start, end)
    else this.#received = Math.max(before, end)
    for (let next = this.#beyond.get(this.#received); next !== undefined; next = this.#beyond.get(this.#received)) {
      this.#beyond.delete(this.#received)
      this.#received = next
    }
    const isUrgent = this.#received !== end || this.#beyond.size > 0 || this.#acks < QUICK_ACKS
    if (isUrgent || this.#unackedBytes > SEGMENT_BYTES) this.#onAckDue()
    else this.#cancelDelay ??= this.#clock.setTimer(DELAYED_ACK_MS, this.#onAckDue)
    this.#deliver(this.#received - before)
  }

  /** What is to be acknowledged, if anything. */
  takeAck (): Ack | undefined {
    if (this.#unackedBytes === 0) return undefined
    this.#unackedBytes = 0
    this.#acks++
    this.#cancelDelay?.()
    this.#cancelDelay = undefined
    return { upTo: this.#received, beyond: [...this.#beyond.keys()], ...this.#latest }
  }

  #deliver (bytes: number): void {
    for (let left = bytes; left > 0;) {
      const first = this.#frames[0]
      if (first === undefined) return
      const part = Math.min(left, first.left)
      first.left -= part
      left -= part
      if (first.left === 0) this.#frames.shift()
      first.frame.deliver(part)
    }
  }
}
