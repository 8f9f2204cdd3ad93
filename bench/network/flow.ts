import { Lane, TURN_BYTES } from './link.ts'
import type { Link } from './link.ts'

/** A receiver's link queues about so much at once, shared by the flows into it; the lab's shapers do the same. */
const QUEUE_MS = 50
/**
 * One connection is read so far ahead of its sender's link: what the link has to send when the process wakes late. The
 * system's own buffers hold up to 4 MiB more on loopback; only then does the sender feel back pressure.
 */
const SEND_AHEAD_MS = 100
/** What a TCP connection may have in flight at first (RFC 6928); from there it doubles with every round trip. */
const FIRST_WINDOW_BYTES = 10 * 1460

/** How many flows have bytes on their way into one link. */
export interface Share {
  flows: number
}

export interface FlowParts {
  up: Link
  down: Link
  /** Of all flows into `down`. */
  share: Share
  rttMs: number
}

/**
 * One direction of one connection, with a window as TCP without losses has it: slow start, then the bandwidth-delay
 * product and a fair share of the receiver's queue. So no queue on the way is without a bottom.
 */
export class Flow {
  readonly up: Lane
  readonly down: Lane
  readonly parts: FlowParts
  #inFlightBytes = 0
  #waitingBytes = 0
  #windowBytes = FIRST_WINDOW_BYTES
  #isHeld = false
  #heldBytes = 0

  constructor (parts: FlowParts) {
    this.parts = parts
    this.up = new Lane({
      flow: this,
      maySend: () => this.#inFlightBytes < this.#window(),
      onTake: bytes => { this.#departed(bytes) }
    })
    this.down = new Lane({ flow: this, maySend: () => true, onTake: () => {} })
  }

  /** True while the sender should wait. */
  get isFull (): boolean {
    return this.up.bytes >= Math.max(TURN_BYTES, this.parts.up.bytesPerMs * SEND_AHEAD_MS)
  }

  /** Bytes given and not yet delivered. */
  get waitingBytes (): number {
    return this.#waitingBytes
  }

  given (bytes: number): void {
    this.#waitingBytes += bytes
  }

  /** The bytes of these that the receiver has taken: none while it is held. */
  delivered (bytes: number): number {
    this.#waitingBytes -= bytes
    if (!this.#isHeld) return bytes
    this.#heldBytes += bytes
    return 0
  }

  /** The receiver takes no more for now. */
  hold (): void {
    this.#isHeld = true
  }

  /** The receiver has taken everything, so many bytes since it was held. */
  release (): number {
    const bytes = this.#heldBytes
    this.#isHeld = false
    this.#heldBytes = 0
    return bytes
  }

  acknowledged (bytes: number): void {
    this.#inFlightBytes -= bytes
    if (this.#inFlightBytes === 0) this.parts.share.flows--
    if (this.#windowBytes < this.#mostBytes()) this.#windowBytes += bytes
  }

  /** Forgets what is on its way; nothing must come after. */
  close (): void {
    if (this.#inFlightBytes > 0) this.parts.share.flows--
    this.#inFlightBytes = 0
    this.up.clear()
    this.down.clear()
  }

  /** Bytes have left the sender: they count against the window until they are acknowledged. */
  #departed (bytes: number): void {
    if (this.#inFlightBytes === 0) this.parts.share.flows++
    this.#inFlightBytes += bytes
  }

  #window (): number {
    return Math.min(this.#windowBytes, this.#mostBytes())
  }

  #mostBytes (): number {
    const { up, down, share, rttMs } = this.parts
    const bytesPerMs = Math.min(up.bytesPerMs, down.bytesPerMs)
    return Math.max(2 * TURN_BYTES, bytesPerMs * rttMs + down.bytesPerMs * QUEUE_MS / Math.max(1, share.flows))
  }
}
