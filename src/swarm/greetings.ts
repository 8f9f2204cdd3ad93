import { REMEMBERED_RATES } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { Bucket } from './bucket.ts'
import type { Clock } from './ports.ts'
import type { Channel } from '../wire/channel.ts'

/**
 * Streams that have not said whose session they are: how many there may be, and how fast one peer may open them. When
 * there is no room, the peer that has the most of them makes it: who says hello at once always finds some.
 */
export class Greetings {
  readonly #clock: Clock
  /** Oldest first, for each peer. */
  readonly #waiting = new Map<string, Set<Channel>>()
  readonly #rates = new Map<string, Bucket>()
  #count = 0

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** @throws ModelswarmError ERR_FLOOD when this peer opens streams too fast, ERR_PEER_LOST when too many of it wait */
  begin (channel: Channel, peerId: string): void {
    if (!this.#rateOf(peerId).take(1, this.#clock.now())) {
      throw new ModelswarmError('ERR_FLOOD', `Peer opens more than ${WIRE_LIMITS.streamsPerSec} streams a second`,
        { sourceId: peerId })
    }
    const own = this.#waiting.get(peerId) ?? new Set()
    if (own.size >= WIRE_LIMITS.pendingHellosPerPeer) {
      throw new ModelswarmError('ERR_PEER_LOST', 'Too many streams of this peer say nothing', { sourceId: peerId })
    }
    if (this.#count >= WIRE_LIMITS.pendingHellos) this.#makeRoom()
    this.#waiting.set(peerId, own.add(channel))
    this.#count++
  }

  /** It has said hello, or ended. Twice is fine. */
  end (channel: Channel, peerId: string): void {
    const own = this.#waiting.get(peerId)
    if (own?.delete(channel) !== true) return
    this.#count--
    if (own.size === 0) this.#waiting.delete(peerId)
  }

  stop (err: Error): void {
    for (const own of [...this.#waiting.values()]) for (const channel of [...own]) channel.abort(err)
  }

  #makeRoom (): void {
    let [most = ''] = this.#waiting.keys()
    for (const [peerId, own] of this.#waiting) if (own.size > (this.#waiting.get(most)?.size ?? 0)) most = peerId
    const [oldest] = this.#waiting.get(most) ?? []
    if (oldest === undefined) return
    this.end(oldest, most)
    oldest.abort(new ModelswarmError('ERR_PEER_LOST', 'Others say hello, and there is no room for the silent'))
  }

  #rateOf (peerId: string): Bucket {
    const { streamBurst, streamsPerSec } = WIRE_LIMITS
    const rate = this.#rates.get(peerId) ?? new Bucket(streamBurst, streamsPerSec, this.#clock.now())
    // Put last: the first of a map is the one that has been quiet longest.
    this.#rates.delete(peerId)
    this.#rates.set(peerId, rate)
    for (const quietest of this.#rates.keys()) {
      if (this.#rates.size <= REMEMBERED_RATES) break
      this.#rates.delete(quietest)
    }
    return rate
  }
}
