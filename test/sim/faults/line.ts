import { Pair } from '../network.ts'
import { FaultChannel } from './channel.ts'
import type { NetworkNode, PairSizes } from '../network.ts'
import type { VirtualClock } from '../virtual-clock.ts'
import type { ProcessClock } from './process-clock.ts'
import type { ChannelKind } from '../../../src/wire/channel.ts'
import type { Message } from '../../../src/wire/messages.ts'

/** A process at one end of a line. */
export interface LineEnd {
  readonly id: string
  readonly node: NetworkNode
  readonly clock: ProcessClock
  /** The other side opened a stream to it. */
  accept: (kind: ChannelKind, channel: FaultChannel, from: string) => void
  onSend: (line: Line, to: string, message: Message, payload: Uint8Array | undefined) => void
  onRead: (line: Line, from: string, message: Message) => void
}

export interface LineParts {
  readonly clock: VirtualClock
  readonly latencyMs: number
  readonly sizes: PairSizes
  readonly isExact: boolean
}

/** One connection between two processes, with its streams: what a fault of the network falls upon. */
export class Line {
  readonly from: LineEnd
  readonly to: LineEnd
  readonly #parts: LineParts
  readonly #pairs: readonly [Pair, Pair]
  readonly #near: FaultChannel[] = []
  readonly #far: FaultChannel[] = []
  isCut = false

  constructor (from: LineEnd, to: LineEnd, parts: LineParts) {
    this.from = from
    this.to = to
    this.#parts = parts
    const { clock, latencyMs, sizes } = parts
    this.#pairs = [
      new Pair(clock, from.node, to.node, latencyMs, sizes),
      new Pair(clock, to.node, from.node, latencyMs, sizes)
    ]
  }

  /** Opens a stream from the dialler; the other side has it a latency later. */
  openStream (kind: ChannelKind): FaultChannel {
    const near = this.#channel(kind, this.from, this.to, this.#pairs[0])
    const far = this.#channel(kind, this.to, this.from, this.#pairs[1])
    FaultChannel.connect(near, far)
    this.#near.push(near)
    this.#far.push(far)
    if (this.isCut) near.lose()
    this.#parts.clock.setTimer(this.#parts.latencyMs, () => {
      if (!this.isCut) this.to.accept(kind, far, this.from.id)
    })
    return near
  }

  get isIdle (): boolean {
    return [...this.#near, ...this.#far].every(channel => channel.isEnded)
  }

  /** Nothing waits to be sent. */
  get isQuiet (): boolean {
    return this.#pairs.every(pair => pair.queuedBytes === 0)
  }

  /** True when a frame is on its way in part. */
  get isMidFrame (): boolean {
    return this.#pairs.some(pair => pair.isMidFrame)
  }

  /** The network resets it: both sides learn at about the same time. */
  reset (): void {
    if (this.isCut) return
    this.#cut()
    for (const channel of [...this.#near, ...this.#far]) channel.lose()
  }

  /** One stream is reset by the transport at one end. */
  resetOne (random: () => number): void {
    const open = [...this.#near, ...this.#far].filter(channel => !channel.isEnded)
    open[Math.floor(random() * open.length)]?.abort(new Error('stream reset'))
  }

  /** The process at one end is gone; the other side is told now, or learns when it asks a machine that forgot. */
  die (end: LineEnd, tells: boolean): void {
    for (const channel of end === this.from ? this.#near : this.#far) channel.kill()
    this.#cut()
    if (tells) this.#parts.clock.setTimer(this.#parts.latencyMs, () => { this.tell() })
  }

  /** Who still believes in a line that was cut learns that it is gone. */
  tell (): void {
    for (const channel of [...this.#near, ...this.#far]) channel.lose()
  }

  stall (): void {
    for (const pair of this.#pairs) pair.stall()
  }

  resume (): void {
    for (const pair of this.#pairs) pair.resume()
  }

  /** What is sent from now on takes so much longer. */
  delay (ms: number): void {
    for (const pair of this.#pairs) pair.lateMs = ms
  }

  #cut (): void {
    this.isCut = true
    for (const pair of this.#pairs) pair.cut()
  }

  #channel (kind: ChannelKind, us: LineEnd, them: LineEnd, out: Pair): FaultChannel {
    return new FaultChannel({
      out,
      kind,
      isExact: this.#parts.isExact,
      clock: us.clock,
      onSend: (message, payload) => { us.onSend(this, them.id, message, payload) },
      onRead: message => { us.onRead(this, them.id, message) }
    })
  }
}
