import { KEEPALIVE_MS } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { SILENT } from './trouble.ts'
import type { Clock } from './ports.ts'

export interface KeepaliveParts {
  peerId: string
  clock: Clock
  /** Asks the peer for a sign of life. */
  ask: () => void
  /** Nothing has come for three times KEEPALIVE_MS: the peer is gone. */
  onLost: (err: ModelswarmError) => void
}

/** Asks a quiet peer for signs of life, and measures round trips by its answers. Its owner calls `stop`. */
export class Keepalive {
  readonly #parts: KeepaliveParts
  #heardAt: number
  #askedAt: number | undefined
  #isStopped = false
  #cancelTimer: () => void = () => {}

  constructor (parts: KeepaliveParts) {
    this.#parts = parts
    this.#heardAt = parts.clock.now()
  }

  /** Asks at once, for the first round trip. */
  start (): void {
    this.#ask()
    this.#armTimer()
  }

  stop (): void {
    this.#isStopped = true
    this.#cancelTimer()
  }

  /** Something came from the peer. */
  onHeard (): void {
    this.#heardAt = this.#parts.clock.now()
  }

  /** The peer answered: the round trip in ms, undefined when it was not asked. */
  onAnswer (): number | undefined {
    if (this.#askedAt === undefined) return undefined
    const roundTripMs = this.#parts.clock.now() - this.#askedAt
    this.#askedAt = undefined
    return roundTripMs
  }

  #ask (): void {
    // An answer belongs to the oldest question: a round trip is rather too long than too short.
    this.#askedAt ??= this.#parts.clock.now()
    this.#parts.ask()
  }

  #armTimer (): void {
    if (this.#isStopped) return
    this.#cancelTimer = this.#parts.clock.setTimer(KEEPALIVE_MS, () => {
      const quietMs = this.#parts.clock.now() - this.#heardAt
      if (quietMs > 3 * KEEPALIVE_MS) return this.#parts.onLost(silence(quietMs, this.#parts.peerId))
      if (quietMs > KEEPALIVE_MS / 2) this.#ask()
      this.#armTimer()
    })
  }
}

function silence (quietMs: number, sourceId: string): ModelswarmError {
  return new ModelswarmError('ERR_PEER_LOST', `Peer has been silent for ${Math.round(quietMs / 1000)} s`,
    { sourceId, received: SILENT })
}
