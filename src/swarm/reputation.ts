import { ADDRESS_SHARE, OFFENCE_FORGOTTEN_BELOW, OFFENCE_HALF_LIFE_MS, REMEMBERED_OFFENDERS } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { scopeOf } from './address-scope.ts'
import { hostOf } from './ip-address.ts'
import type { ErrorCode } from '../errors.ts'

/**
 * What each offence weighs; who has a score of 1 or more is refused. Every one of these is proof: a peer that is slow,
 * out of reach, leaves, or lacks what it said it has, does none of them, nor does a failure of ours. A tree that lies
 * about sizes (ERR_BAD_TREE) is the root's, not the fault of who relays it.
 */
export const OFFENCE_WEIGHT: Partial<Record<ErrorCode, number>> = {
  /** Bytes that do not hash to their name: Noise delivers what was sent, so it is a lie, or a disk that rots. */
  ERR_BAD_BLOCK: 4,
  /** A record in another peer's name: made for us, by nobody's mistake. */
  ERR_BAD_RECORD: 4,
  /** Broken software does this too, and is no more use than an attack until somebody mends it. */
  ERR_BAD_FRAME: 2,
  ERR_PROTOCOL: 2,
  /** Past a limit on how much, which are far above what a peer needs. */
  ERR_FLOOD: 2
}

const REFUSED_FROM = 1

interface Score {
  value: number
  at: number
}

export interface ReputationParts {
  /** Milliseconds on a clock that never jumps. */
  now: () => number
  /** A peer is refused from now on, for so many ms if it does nothing more. */
  onRefused?: (peerId: string, ms: number, err: ModelswarmError) => void
}

/**
 * What peers and addresses have done to this node, all swarms together. A score halves every OFFENCE_HALF_LIFE_MS.
 * Fresh keys cost nothing, so part of each offence is charged to the address if it is public: enough of them, and
 * strangers from there are refused. Sessions that run, and peers that we dial, are judged by their id alone. Pure,
 * bounded, not stored.
 */
export class Reputation {
  readonly #parts: ReputationParts
  readonly #peers = new Map<string, Score>()
  readonly #places = new Map<string, Score>()
  /** Floods by host, private ones too: nobody is refused for them. */
  readonly #floods = new Map<string, Score>()

  constructor (parts: ReputationParts) {
    this.#parts = parts
  }

  /** A peer's session, stream or record ended with this error. Charged when it is an offence; anything else is not. */
  onFailure (peerId: string, addr: string | undefined, err: unknown): void {
    if (!(err instanceof ModelswarmError)) return
    const weight = OFFENCE_WEIGHT[err.code]
    if (weight === undefined) return
    const wasRefused = this.refusedForMs(peerId) > 0
    this.#charge(this.#peers, peerId, weight)
    const place = placeOf(addr)
    if (place !== undefined) this.#charge(this.#places, place, weight * ADDRESS_SHARE)
    const host = hostOf(addr)
    if (err.code === 'ERR_FLOOD' && host !== undefined) this.#charge(this.#floods, host, 1)
    if (!wasRefused) this.#parts.onRefused?.(peerId, this.refusedForMs(peerId), err)
  }

  /** How long this peer is not dialled nor let in; 0 when it is welcome. */
  refusedForMs (peerId: string): number {
    const score = this.#scoreOf(this.#peers, peerId)
    return score < REFUSED_FROM ? 0 : Math.max(1, Math.log2(score / REFUSED_FROM) * OFFENCE_HALF_LIFE_MS)
  }

  /** Whether a peer that came to us from this address is turned away. */
  isRefused (peerId: string, addr: string | undefined): boolean {
    return this.refusedForMs(peerId) > 0 || this.isRefusedPlace(addr)
  }

  /** Whether strangers from this address are turned away. */
  isRefusedPlace (addr: string | undefined): boolean {
    const place = placeOf(addr)
    return place !== undefined && this.#scoreOf(this.#places, place) >= REFUSED_FROM
  }

  /**
   * How many messages a stranger from this address may send at once: half as many for each flood that came from there,
   * so that fresh keys do not begin with a fresh allowance. Private addresses count too: behind one there may be many,
   * but the least is still more than an honest peer needs while this node keeps up.
   */
  burstFor (addr: string | undefined): number {
    const host = hostOf(addr)
    const floods = host === undefined ? 0 : this.#scoreOf(this.#floods, host)
    return Math.max(WIRE_LIMITS.messageBurstLeast, WIRE_LIMITS.messageBurst / 2 ** floods)
  }

  /** Peers and addresses remembered. */
  get size (): number {
    return this.#peers.size + this.#places.size + this.#floods.size
  }

  #scoreOf (scores: Map<string, Score>, key: string): number {
    const score = scores.get(key)
    return score === undefined ? 0 : score.value * 2 ** ((score.at - this.#parts.now()) / OFFENCE_HALF_LIFE_MS)
  }

  #charge (scores: Map<string, Score>, key: string, weight: number): void {
    const value = this.#scoreOf(scores, key) + weight
    // Put last: the first of a map is the one that has been quiet longest.
    scores.delete(key)
    scores.set(key, { value, at: this.#parts.now() })
    for (const oldest of scores.keys()) {
      if (scores.size <= REMEMBERED_OFFENDERS && this.#scoreOf(scores, oldest) >= OFFENCE_FORGOTTEN_BELOW) break
      scores.delete(oldest)
    }
  }
}

/**
 * What is charged for an address: a public IPv4 address, a public IPv6 /64 (one customer's). Nothing in private ranges,
 * where all who come through a container's proxy, a cluster's gateway or a tunnel have one address, nor on loopback,
 * nor behind a relay, whose address it is.
 */
function placeOf (addr: string | undefined): string | undefined {
  return addr !== undefined && scopeOf(addr) === 'public' ? hostOf(addr) : undefined
}
