// A star of nodes, each behind a link up and a link down, as a pure machine: what is given to it, and when, decides
// what comes out, and when. relay.ts joins it to sockets.
//
//   given ► up lane ─(window)─ up link ─ half a round trip ─► down lane ─ down link ► delivered
//                                 ▲                                                      │ taken by the receiver
//                                 └──────────── half a round trip ◄──────────────────────┘
//
// Rates are payload rates: packet headers are not modelled, acknowledgements take no bandwidth, nothing is lost.
import { Flow } from './flow.ts'
import { Link } from './link.ts'
import type { Share } from './flow.ts'

export interface NodeRates {
  upBytesPerSec: number
  downBytesPerSec: number
}

export interface Delivery {
  readonly flow: Flow
  readonly chunks: readonly Uint8Array[]
  readonly bytes: number
}

interface NodeLinks {
  readonly up: Link
  readonly down: Link
  readonly share: Share
}

interface Ack {
  readonly flow: Flow
  readonly bytes: number
  readonly atMs: number
}

export class Network {
  readonly #rttMs: number
  readonly #nodes: NodeLinks[] = []
  readonly #open = new Set<Flow>()
  readonly #acks: Ack[] = []

  constructor ({ rttMs }: { rttMs: number }) {
    this.#rttMs = rttMs
  }

  /** Its number, from 0. */
  addNode ({ upBytesPerSec, downBytesPerSec }: NodeRates): number {
    return this.#nodes.push({
      up: new Link({ bytesPerSec: upBytesPerSec, delayMs: this.#rttMs / 2 }),
      down: new Link({ bytesPerSec: downBytesPerSec, delayMs: 0 }),
      share: { flows: 0 }
    }) - 1
  }

  /** Bytes that a node's links have carried. */
  carried (node: number): { upBytes: number, downBytes: number } {
    const { up, down } = this.#node(node)
    return { upBytes: up.carriedBytes, downBytes: down.carriedBytes }
  }

  /** One direction of a connection. @throws RangeError for nodes that are not there */
  connect (from: number, to: number): Flow {
    const { up } = this.#node(from)
    const { down, share } = this.#node(to)
    const flow = new Flow({ up, down, share, rttMs: this.#rttMs })
    up.add(flow.up)
    down.add(flow.down)
    this.#open.add(flow)
    return flow
  }

  /** Hands a chunk over to its sender's link. Who gives more while `flow.isFull` is not stopped. */
  send (flow: Flow, chunk: Uint8Array, nowMs: number): void {
    if (!this.#open.has(flow)) return
    flow.up.push(chunk)
    flow.given(chunk.byteLength)
    flow.parts.up.wake(nowMs)
  }

  /** The receiver has taken everything that it was given before `flow.hold`. */
  release (flow: Flow, nowMs: number): void {
    this.#acks.push({ flow, bytes: flow.release(), atMs: nowMs + this.#rttMs / 2 })
  }

  close (flow: Flow): void {
    if (!this.#open.delete(flow)) return
    flow.close()
    flow.parts.up.remove(flow.up)
    flow.parts.down.remove(flow.down)
  }

  /** When `advance` has something to do; Infinity for never, and it may be past. */
  get nextAtMs (): number {
    let atMs = this.#acks[0]?.atMs ?? Infinity
    for (const { up, down } of this.#nodes) atMs = Math.min(atMs, up.nextAtMs, down.nextAtMs)
    return atMs
  }

  /** Works through what happens until `nowMs`, in the order in which it happens; gives what arrived at receivers. */
  advance (nowMs: number): Delivery[] {
    const deliveries: Delivery[] = []
    for (let atMs = this.nextAtMs; atMs <= nowMs; atMs = this.nextAtMs) {
      this.#step(atMs, deliveries)
    }
    return deliveries
  }

  #step (nowMs: number, deliveries: Delivery[]): void {
    while ((this.#acks[0]?.atMs ?? Infinity) <= nowMs) this.#acknowledge(this.#acks.shift(), nowMs)
    for (const { up, down } of this.#nodes) {
      up.serve(nowMs)
      for (let piece = up.shift(nowMs); piece !== undefined; piece = up.shift(nowMs)) {
        if (!this.#open.has(piece.flow)) continue
        for (const chunk of piece.chunks) piece.flow.down.push(chunk)
        piece.flow.parts.down.wake(nowMs)
      }
      down.serve(nowMs)
      for (let piece = down.shift(nowMs); piece !== undefined; piece = down.shift(nowMs)) {
        if (!this.#open.has(piece.flow)) continue
        const taken = piece.flow.delivered(piece.bytes)
        if (taken > 0) this.#acks.push({ flow: piece.flow, bytes: taken, atMs: nowMs + this.#rttMs / 2 })
        deliveries.push(piece)
      }
    }
  }

  #acknowledge (ack: Ack | undefined, nowMs: number): void {
    if (ack === undefined || ack.bytes === 0 || !this.#open.has(ack.flow)) return
    ack.flow.acknowledged(ack.bytes)
    ack.flow.parts.up.wake(nowMs)
  }

  #node (index: number): NodeLinks {
    const node = this.#nodes[index]
    if (node === undefined) throw new RangeError(`There is no node ${index}`)
    return node
  }
}
