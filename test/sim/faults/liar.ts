import { NetworkNode } from '../network.ts'
import { encodeFrame } from '../../../src/wire/codec.ts'
import { Mode, RejectReason } from '../../../src/wire/protocol.ts'
import { proofOf } from '../../swarm/instant-proof.ts'
import { randomBytes } from './model.ts'
import { ProcessClock } from './process-clock.ts'
import type { FaultChannel } from './channel.ts'
import type { Line, LineEnd } from './line.ts'
import type { World } from './world.ts'
import type { NodeRates } from '../network.ts'
import type { ChannelKind, ChannelSink } from '../../../src/wire/channel.ts'
import type { Message } from '../../../src/wire/messages.ts'

export const LIES = [
  'wrong bytes', 'silent', 'rejects', 'unasked blocks', 'denies', 'floods', 'false publisher', 'gives nothing', 'garbage',
  'keeps', 'trickles', 'never attaches', 'mute'
] as const
export type Lie = typeof LIES[number]

export interface LiarPlan {
  readonly id: string
  readonly lies: readonly Lie[]
  readonly rates: NodeRates
}

interface Talk {
  readonly peerId: string
  readonly control: FaultChannel
  data: FaultChannel | undefined
  granted: number
  readonly token: Uint8Array
}

const EMPTY = new Uint8Array(0)

/** A peer that speaks the protocol as it likes. It has every block, right and wrong. */
export class Liar implements LineEnd {
  readonly id: string
  readonly node: NetworkNode
  readonly clock: ProcessClock
  readonly #world: World
  readonly #lies: ReadonlySet<Lie>
  readonly #talks = new Set<Talk>()
  readonly #random: () => number

  constructor (plan: LiarPlan, world: World) {
    this.id = plan.id
    this.#world = world
    this.#lies = new Set(plan.lies)
    this.#random = world.random
    this.node = new NetworkNode(world.clock, { ...plan.rates })
    this.clock = new ProcessClock(world.clock)
  }

  /** Begins to call on others. */
  start (): void {
    this.clock.setTimer(this.#random() * 2000, () => { this.#callSomebody() })
    this.clock.setTimer(50, () => { this.#act() })
  }

  stop (): void {
    for (const { control, data } of this.#talks) {
      control.abort(new Error('gone'))
      data?.abort(new Error('gone'))
    }
    this.clock.kill()
  }

  onSend (line: Line, to: string, message: Message): void {
    this.#world.checks.onFrame(this.id, line, { to, message })
    this.#world.trace.say(this.id, () => `> ${to} ${message.type} (a lie?)`)
  }

  onRead (): void {}

  accept (kind: ChannelKind, channel: FaultChannel, from: string): void {
    if (this.#does('mute')) return this.#lie('mute')
    if (kind === 'control') {
      const token = randomBytes(16, this.#random)
      const talk: Talk = { peerId: from, control: channel, data: undefined, granted: 0, token }
      channel.open(this.#sink(message => { this.#onControl(talk, message, true) }, () => { this.#talks.delete(talk) }))
      return
    }
    channel.open(this.#sink(message => {
      if (message.type !== 'attach') return
      for (const talk of this.#talks) if (Buffer.compare(talk.token, message.token) === 0) talk.data = channel
    }, () => {}))
  }

  #callSomebody (): void {
    this.clock.setTimer(2000 + this.#random() * 8000, () => { this.#callSomebody() })
    const peerId = this.#world.somebody(this.id)
    if (peerId === undefined || [...this.#talks].some(talk => talk.peerId === peerId)) return
    this.#world.connect(this, peerId).then(async line => {
      const control = line.openStream('control')
      const talk: Talk = { peerId, control, data: undefined, granted: 0, token: EMPTY }
      control.open(this.#sink(message => {
        if (message.type === 'hello' && talk.data === undefined && !this.#does('never attaches')) {
          talk.data = line.openStream('data')
          talk.data.open(this.#sink(() => {}, () => {}))
          talk.data.send({ type: 'attach', token: message.token })
        }
        this.#onControl(talk, message, false)
      }, () => { this.#talks.delete(talk) }))
      if (!this.#does('mute')) await this.#hello(talk)
    }).catch(() => {})
  }

  #sink (onMessage: (message: Message) => void, onEnd: () => void): ChannelSink {
    return { onMessage, onBlockStart: () => true, onBlock: () => {}, onUnknown: () => {}, onBytes: () => {}, onEnd }
  }

  async #hello (talk: Talk): Promise<void> {
    const { control, peerId, token } = talk
    const proof = await proofOf(this.#world.model.manifest.root, this.id, peerId)
    const mode = this.#does('false publisher') || this.#does('gives nothing') ? Mode.choosing : Mode.open
    control.send({ type: 'hello', proof, features: 1, encodings: [0], mode, tree: true, token })
  }

  #onControl (talk: Talk, message: Message, isAccepter: boolean): void {
    switch (message.type) {
      case 'hello':
        this.#talks.add(talk)
        if (isAccepter) this.#hello(talk).then(() => { this.#claim(talk) }).catch(() => {})
        else this.#claim(talk)
        return
      case 'request': return this.#onRequest(talk, message.indexes, message.cids)
      case 'want':
        talk.granted = message.upTo
        return this.#onWant(talk)
      case 'alive':
        if (!message.answer) talk.control.send({ type: 'alive', answer: true })
    }
  }

  /** Says that it holds everything; who keeps what it is given says nothing, so that it is given more. */
  #claim (talk: Talk): void {
    const { blockCount } = this.#world.model.manifest
    const all = !this.#does('keeps')
    talk.control.send({ type: 'holdings', blocks: blockCount, all, bits: EMPTY, unwanted: EMPTY })
    if (!all) talk.control.send({ type: 'want', upTo: 1e9, modes: 0 })
    if (!all) this.#lie('keeps')
  }

  #onRequest (talk: Talk, indexes: readonly number[], cids: readonly Uint8Array[]): void {
    if (this.#does('silent')) return this.#lie('silent')
    if (this.#does('trickles')) return this.#trickle(talk, indexes)
    const { control } = talk
    if (this.#does('rejects') || this.#does('false publisher')) {
      const reason = Math.floor(this.#random() * 7)
      control.send({ type: 'reject', indexes, cids, reason, retryAfterMs: Math.floor(this.#random() * 2000) })
      return this.#lie('rejects')
    }
    if (this.#does('denies') && this.#random() < 0.7) {
      control.send({ type: 'reject', indexes, cids, reason: RejectReason.notHeld, retryAfterMs: 0 })
      if (indexes.length > 0) control.send({ type: 'have', indexes })
      return this.#lie('denies')
    }
    for (const index of indexes) this.#give(talk, index, !this.#does('wrong bytes') || this.#random() < 0.5)
    for (const cid of cids) this.#giveNode(talk, cid)
  }

  #onWant (talk: Talk): void {
    if (this.#does('gives nothing')) return this.#lie('gives nothing')
    const { control } = talk
    const luck = this.#random()
    this.#lie('false publisher')
    if (luck < 0.3) return
    if (luck < 0.6) {
      const given = Math.floor(this.#random() * 3 * talk.granted)
      control.send({ type: 'mode', mode: Math.floor(this.#random() * 5), given })
      return
    }
    this.#give(talk, this.#block(), !this.#does('wrong bytes'))
  }

  #give (talk: Talk, index: number, isRight: boolean): void {
    if (!isRight) this.#lie('wrong bytes')
    const payload = this.#world.model.make(index, isRight)
    talk.data?.send({ type: 'block', index, cid: undefined, payloadBytes: payload.byteLength, encoding: 0 }, payload)
  }

  /** Shows life for ever, a byte now and then, and gives nothing. */
  #trickle (talk: Talk, indexes: readonly number[]): void {
    this.#lie('trickles')
    const { data } = talk
    const { model } = this.#world
    const [index] = indexes
    if (data === undefined || index === undefined) return
    if (!model.isExact) {
      this.#give(talk, index, true)
      return
    }
    const payloadBytes = model.manifest.sizeBytes(index)
    data.sendBytes(encodeFrame({ type: 'block', index, cid: undefined, payloadBytes, encoding: 0 }))
    const more = (left: number): void => {
      if (data.isEnded || left === 0) return
      data.sendBytes(new Uint8Array(1))
      this.clock.setTimer(3000, () => { more(left - 1) })
    }
    more(payloadBytes - 1)
  }

  #giveNode (talk: Talk, cid: Uint8Array): void {
    const payload = this.#world.nodeOf(cid)
    if (payload === undefined) return
    if (this.#does('wrong bytes') && this.#random() < 0.3) payload[0] = (payload[0] ?? 0) ^ 1
    talk.data?.send({ type: 'block', index: 0, cid, payloadBytes: payload.byteLength, encoding: 0 }, payload)
  }

  /** What it does unasked, every now and then. */
  #act (): void {
    this.clock.setTimer(20 + this.#random() * 500, () => { this.#act() })
    // Once all else is healed it lies on, but seldom: a run is to end.
    if (this.clock.now() > this.#world.healedAt && this.#random() < 0.8) return
    for (const talk of this.#talks) {
      if (this.#does('unasked blocks')) {
        this.#lie('unasked blocks')
        for (let i = 0; i < 8; i++) this.#give(talk, this.#block(), this.#random() < 0.5)
      }
      if (this.#does('floods')) this.#flood(talk)
      if (this.#does('garbage') && this.#random() < 0.2) this.#sendGarbage(talk)
    }
  }

  #flood ({ control }: Talk): void {
    this.#lie('floods')
    const { blockCount } = this.#world.model.manifest
    const indexes = Array.from({ length: 500 }, () => Math.floor(this.#random() * (blockCount + 3)))
    const cids = Array.from({ length: 20 }, () => this.#world.model.manifest.root.bytes)
    control.send({ type: 'request', indexes, cids })
    if (this.#random() < 0.3) control.send({ type: 'want', upTo: 2 ** 50, modes: 0 })
    if (this.#random() < 0.3) control.send({ type: 'cancel', indexes: indexes.slice(0, 50) })
    if (this.#random() < 0.3) control.send({ type: 'have', indexes: indexes.filter(index => index < blockCount) })
  }

  #sendGarbage (talk: Talk): void {
    this.#lie('garbage')
    const { blockCount } = this.#world.model.manifest
    const { control, data } = talk
    const block = this.#block()
    const acts = [
      () => { control.send({ type: 'have', indexes: [blockCount] }) },
      () => { control.send({ type: 'holdings', blocks: blockCount, all: true, bits: EMPTY, unwanted: EMPTY }) },
      () => { control.send({ type: 'request', indexes: [], cids: [randomBytes(20, this.#random)] }) },
      () => { control.send({ type: 'peers', records: [randomBytes(9, this.#random)] }) },
      () => { data?.send({ type: 'block', index: block, cid: undefined, payloadBytes: 7, encoding: 0 }, new Uint8Array(7)) },
      () => { data?.send({ type: 'block', index: block, cid: undefined, payloadBytes: 7, encoding: 3 }, new Uint8Array(7)) },
      () => { data?.send({ type: 'alive', answer: true }) },
      () => { control.send({ type: 'attach', token: EMPTY }) },
      () => { control.send({ type: 'bye', reason: Math.floor(this.#random() * 9) }) },
      () => { if (control.parts.isExact) control.sendBytes(randomBytes(40, this.#random)) },
      () => { if (control.parts.isExact) data?.sendBytes(randomBytes(40, this.#random)) }
    ]
    acts[Math.floor(this.#random() * acts.length)]?.()
  }

  #block (): number {
    return Math.floor(this.#random() * this.#world.model.manifest.blockCount)
  }

  #does (lie: Lie): boolean {
    return this.#lies.has(lie)
  }

  #lie (lie: Lie): void {
    this.#world.trace.count(`lie: ${lie}`, this.id)
  }
}
