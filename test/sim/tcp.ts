import { Cubic, HEADER_BYTES, SEGMENT_BYTES } from './cubic.ts'
import { TcpReceiver } from './tcp-receiver.ts'
import type { Frame, Line } from './network.ts'
import type { ShapedNode } from './shaped-node.ts'
import type { Ack } from './tcp-receiver.ts'

// One direction of a TCP connection, as Linux has it:
//
//   frames ─► socket buffer ─► window (cubic) ─► up-queue, two packets of a connection at most ─► latency ─►
//   down-queue, which drops ─► in order ─► frames
//
//   acknowledgements go the way back through both queues, on their own or with data; a packet is lost when a later one
//   arrived (fast retransmit), when nothing does (probe of the tail, then timeout)

/** Segments travel by two, as with segmentation offload at these rates. */
const PACKET_BYTES = 2 * SEGMENT_BYTES
/** Packets of one connection in the up-queue: TCP small queues. */
const QUEUED_PACKETS = 2
/** Bytes in the socket buffer before `send` says that it is full. */
const SOCKET_BYTES = 64 * 1024
const LEAST_TIMEOUT_MS = 200
const MOST_TIMEOUT_MS = 120_000
/** A receiver may wait so long with its acknowledgement of a single packet. */
const DELAYED_ACK_MS = 40
const SACK_BYTES = 12

interface Packet {
  readonly start: number
  readonly end: number
  /** Which of all transmissions was its last. */
  order: number
  state: 'sent' | 'lost' | 'arrived'
}

/** One direction of a TCP connection between two shaped nodes. */
export class TcpLine implements Line {
  readonly #from: ShapedNode
  readonly #to: ShapedNode
  readonly #latencyMs: number
  #back: TcpLine | undefined
  readonly #receiver: TcpReceiver
  readonly #waiting = new Set<() => void>()
  // In bytes from the beginning.
  #pushed = 0
  #sent = 0
  #packets: Packet[] = []
  #inFlightBytes = 0
  #queued = 0
  #order = 0
  #arrivedOrder = 0
  readonly #window = new Cubic()
  #recoversAt = 0
  #srttMs: number | undefined
  #rttVarMs = 0
  #backoff = 1
  #mayProbe = true
  #dueAt = Infinity
  #isTimerSet = false
  #lastSentAt = 0

  constructor (from: ShapedNode, to: ShapedNode, latencyMs: number) {
    this.#from = from
    this.#to = to
    this.#latencyMs = latencyMs
    this.#receiver = new TcpReceiver(to.clock, () => { this.#sendAck() })
  }

  /** The other direction, which carries acknowledgements. */
  pairWith (back: TcpLine): void {
    this.#back = back
  }

  get isFull (): boolean {
    return this.#pushed - this.#sent > SOCKET_BYTES
  }

  push (frame: Frame): void {
    this.#receiver.expect(frame)
    this.#pushed += frame.bytes
    this.#send()
  }

  onDrain (fn: () => void): void {
    this.#waiting.add(fn)
  }

  // --- the sending side ---

  get #timeoutMs (): number {
    const ms = this.#srttMs === undefined ? 1000 : Math.max(LEAST_TIMEOUT_MS, this.#srttMs + 4 * this.#rttVarMs)
    return Math.min(MOST_TIMEOUT_MS, ms * this.#backoff)
  }

  #send (): void {
    const now = this.#from.clock.now()
    if (this.#packets.length === 0 && now - this.#lastSentAt > this.#timeoutMs) this.#window.onIdle()
    while (this.#queued < QUEUED_PACKETS) {
      const room = this.#window.segments * SEGMENT_BYTES - this.#inFlightBytes
      if (room < SEGMENT_BYTES && this.#inFlightBytes > 0) break
      const lost = this.#packets.find(({ state }) => state === 'lost')
      if (lost !== undefined) {
        this.#transmit(lost)
        continue
      }
      const bytes = Math.min(this.#pushed - this.#sent, room < PACKET_BYTES ? SEGMENT_BYTES : PACKET_BYTES)
      if (bytes === 0) break
      const packet: Packet = { start: this.#sent, end: this.#sent + bytes, order: 0, state: 'sent' }
      this.#sent += bytes
      this.#packets.push(packet)
      this.#transmit(packet)
    }
    if (!this.isFull && this.#waiting.size > 0) {
      const waiting = [...this.#waiting]
      this.#waiting.clear()
      for (const fn of waiting) fn()
    }
  }

  #transmit (packet: Packet): void {
    const { clock } = this.#from
    const now = clock.now()
    const { start, end } = packet
    packet.state = 'sent'
    packet.order = ++this.#order
    this.#inFlightBytes += end - start
    this.#lastSentAt = now
    if (this.#dueAt === Infinity) this.#restartTimer()
    const ack = this.#back?.takeAck()
    const wireBytes = end - start + Math.ceil((end - start) / SEGMENT_BYTES) * HEADER_BYTES
    const leavesAt = this.#from.up.pass(wireBytes, now)
    if (leavesAt === undefined) return
    const { order } = packet
    this.#queued++
    clock.after(leavesAt - now, () => {
      this.#queued--
      this.cross(wireBytes, () => {
        if (ack !== undefined) this.#back?.onAck(ack)
        this.#receiver.receive(start, end, { order, sentAt: now })
      })
      this.#send()
    })
  }

  /** The path and the other side's down-link: for data, and for acknowledgements of the other direction. */
  cross (wireBytes: number, arrive: () => void): void {
    const { clock } = this.#from
    clock.after(this.#latencyMs, () => {
      const passedAt = this.#to.down.pass(wireBytes, clock.now())
      if (passedAt !== undefined) clock.after(passedAt - clock.now(), arrive)
    })
  }

  onAck ({ upTo, beyond, order, sentAt }: Ack): void {
    const now = this.#from.clock.now()
    this.#onRoundTrip(now - sentAt)
    const wasUsedUp = this.#inFlightBytes + PACKET_BYTES > this.#window.segments * SEGMENT_BYTES
    this.#arrivedOrder = Math.max(this.#arrivedOrder, order)
    let arrived = 0
    let isLoss = false
    for (const packet of this.#packets) {
      const bytes = packet.end - packet.start
      if (packet.state !== 'arrived' && (packet.end <= upTo || beyond.includes(packet.start))) {
        if (packet.state === 'sent') this.#inFlightBytes -= bytes
        packet.state = 'arrived'
        arrived += bytes
      } else if (packet.state === 'sent' && packet.order < this.#arrivedOrder) {
        packet.state = 'lost'
        this.#inFlightBytes -= bytes
        isLoss = true
      }
    }
    if ((this.#packets[0]?.end ?? Infinity) <= upTo) this.#packets = this.#packets.filter(({ end }) => end > upTo)
    if (isLoss && upTo >= this.#recoversAt) {
      this.#recoversAt = this.#sent
      this.#window.onLost()
    }
    if (arrived > 0) {
      if (wasUsedUp && upTo >= this.#recoversAt) this.#window.onArrived(arrived / SEGMENT_BYTES, now)
      this.#backoff = 1
      this.#mayProbe = true
      this.#restartTimer()
    }
    this.#send()
  }

  #onRoundTrip (ms: number): void {
    this.#window.onRoundTrip(ms)
    const srttMs = this.#srttMs ?? ms
    this.#rttVarMs = this.#srttMs === undefined ? ms / 2 : 0.75 * this.#rttVarMs + 0.25 * Math.abs(srttMs - ms)
    this.#srttMs = 0.875 * srttMs + 0.125 * ms
  }

  #restartTimer (): void {
    const { clock } = this.#from
    const delayMs = this.#packets.length === 1 ? DELAYED_ACK_MS : 2
    const probeMs = this.#mayProbe && this.#srttMs !== undefined ? 2 * this.#srttMs + delayMs : Infinity
    this.#dueAt = this.#packets.length === 0 ? Infinity : clock.now() + Math.min(this.#timeoutMs, probeMs)
    if (this.#isTimerSet || this.#dueAt === Infinity) return
    this.#isTimerSet = true
    const look = (): void => {
      const leftMs = this.#dueAt - clock.now()
      if (leftMs > 0 && leftMs < Infinity) return clock.after(leftMs, look)
      this.#isTimerSet = false
      if (leftMs <= 0) this.#onSilence()
    }
    clock.after(this.#dueAt - clock.now(), look)
  }

  #onSilence (): void {
    const last = this.#packets.at(-1)
    if (last === undefined) return
    this.#dueAt = Infinity
    if (this.#mayProbe && this.#srttMs !== undefined) {
      this.#mayProbe = false
      if (last.state === 'sent') this.#inFlightBytes -= last.end - last.start
      if (last.state !== 'arrived') this.#transmit(last)
      this.#restartTimer()
      return
    }
    for (const packet of this.#packets) if (packet.state === 'sent') packet.state = 'lost'
    this.#inFlightBytes = 0
    this.#recoversAt = this.#sent
    this.#window.onTimeout()
    this.#backoff *= 2
    this.#send()
    this.#restartTimer()
  }

  // --- acknowledgements, the other way ---

  #sendAck (): void {
    const ack = this.takeAck()
    if (ack === undefined) return
    const { clock } = this.#to
    const wireBytes = HEADER_BYTES + (ack.beyond.length > 0 ? SACK_BYTES : 0)
    const leavesAt = this.#to.up.pass(wireBytes, clock.now())
    if (leavesAt === undefined) return
    clock.after(leavesAt - clock.now(), () => { this.#back?.cross(wireBytes, () => { this.onAck(ack) }) })
  }

  /** What is to be acknowledged, if anything: it goes with the data of the other direction. */
  takeAck (): Ack | undefined {
    return this.#receiver.takeAck()
  }
}
