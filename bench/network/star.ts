import { numberOf } from '../child.ts'
import type { BenchOptions } from '../bench.ts'
import type { Child } from '../child.ts'

export interface StarOptions {
  /** Up and down, of every node. */
  mbitPerSec: number
  rttMs: number
}

/** A program behind a link of its own. */
export interface Place {
  /** Its number in the network. */
  readonly node: number
  /** Where it listens. */
  readonly port: number
}

/** Bytes a second of so many Mbit/s. */
export function bytesPerSec (mbitPerSec: number): number {
  return mbitPerSec * 1e6 / 8
}

/** The shaped network of a bench: a process that all connections pass, and what the bench asks of it. */
export class Star {
  readonly #child: Child
  readonly #options: StarOptions

  private constructor (child: Child, options: StarOptions) {
    this.#child = child
    this.#options = options
  }

  static async start (start: BenchOptions['start'], options: StarOptions): Promise<Star> {
    const child = start('network')
    await child.ask('open', { rttMs: options.rttMs })
    return new Star(child, options)
  }

  /** A node's link; its number. */
  async addNode (): Promise<number> {
    const { mbitPerSec } = this.#options
    return numberOf(await this.#child.ask('node', { bytesPerSec: bytesPerSec(mbitPerSec) }), 'node')
  }

  /** A port that carries connections of node `from` to a program. */
  async openDoor (from: number, to: Place): Promise<number> {
    return numberOf(await this.#child.ask('door', { from, to: to.node, port: to.port }), 'port')
  }

  /** Doors from a node to all these places, as children/node.ts reads them. */
  async doorsTo (from: number, places: readonly Place[]): Promise<string> {
    const doors: string[] = []
    for (const place of places) doors.push(`${place.port}:${await this.openDoor(from, place)}`)
    return doors.join()
  }

  async carried (node: number): Promise<{ upBytes: number, downBytes: number }> {
    const reply = await this.#child.ask('carried', { node })
    return { upBytes: numberOf(reply, 'upBytes'), downBytes: numberOf(reply, 'downBytes') }
  }

  async mark (): Promise<void> {
    await this.#child.ask('mark')
  }

  /** CPU seconds of the network itself since `mark`. */
  async cpuSeconds (): Promise<number> {
    return numberOf(await this.#child.ask('usage'), 'cpuSeconds')
  }

  async stop (): Promise<void> {
    await this.#child.stop()
  }
}
