import type { Crowd } from './crowd.ts'
import type { Manifest } from '../../src/model/manifest.ts'

/** What was seen at one moment, over all crowds. */
export interface Sample {
  readonly atMs: number
  /** Of the peers that are there. */
  readonly completeShare: number
  /** Bytes held by a peer in the mean, over the file's. */
  readonly heldShare: number
  readonly copies: number
}

/** Looks at the crowds at even steps of virtual time. Runs between events, and changes nothing. */
export class Sampler {
  readonly samples: Sample[] = []
  readonly #crowds: readonly Crowd[]
  readonly #stepMs: number
  readonly #onLook: ((atMs: number) => void) | undefined
  readonly #bytes: number
  #nextAt = 0

  /** `onLook` is called at every step too. */
  constructor (crowds: readonly Crowd[], stepMs: number, onLook?: (atMs: number) => void) {
    this.#crowds = crowds
    this.#stepMs = stepMs
    this.#bytes = crowds.reduce((sum, { manifest }) => sum + sizeOf(manifest), 0)
    this.#onLook = onLook
  }

  /** The clock is about to go on to `now`: what stands is how things were at every step before. */
  onInstant (now: number): void {
    while (this.#nextAt < now) {
      this.look(this.#nextAt)
      this.#nextAt += this.#stepMs
    }
  }

  look (atMs: number): void {
    let there = 0
    let complete = 0
    let held = 0
    let sent = 0
    for (const { alive, publisher, manifest } of this.#crowds) {
      there += alive.length
      for (const peer of alive) {
        if (peer.completeAt !== undefined) complete++
        held += peer.held.count / manifest.blockCount
      }
      sent += publisher.swarm.sentBytes
    }
    this.samples.push({
      atMs,
      completeShare: there === 0 ? 0 : complete / there,
      heldShare: there === 0 ? 0 : held / there,
      copies: sent / this.#bytes
    })
    this.#onLook?.(atMs)
  }
}

function sizeOf (manifest: Manifest): number {
  let bytes = 0
  for (let block = 0; block < manifest.blockCount; block++) bytes += manifest.sizeBytes(block)
  return bytes
}
