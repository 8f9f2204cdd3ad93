import { FORGET_AFTER_FAILURES, REDIAL_FIRST_MS, REDIAL_MAX_MS } from '../defaults.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { Tellers } from './tellers.ts'

/** Somebody who may have the model: where to dial, and how it went. */
export interface Candidate {
  /** The peer id, or the address where none is known. */
  readonly key: string
  peerId: string | undefined
  addrs: string[]
  /** Given by the link or the caller: tried as long as the pull runs. Others are forgotten after a few failures. */
  readonly isHint: boolean
  /** Peers that told of it, the first one first; nobody where the caller did, or this network. */
  tellers: string[]
  /** It was dialled. */
  isTried: boolean
  /** Of its addresses, those of the dial that was begun last. */
  dialled: readonly string[]
  /** Where that dial reached it. */
  reachedAt: string | undefined
  state: 'waiting' | 'dialling' | 'connected'
  nextAt: number
  failures: number
  /** It had no room for us when it was last reached; so many times since it last had some. */
  isFull: boolean
  refusals: number
}

/** The candidates of one swarm, and when each is to be tried next: growing pauses, hints for ever. Pure. */
export class Candidates {
  readonly #all = new Map<string, Candidate>()
  readonly #tellers = new Tellers()

  get all (): Iterable<Candidate> {
    return this.#all.values()
  }

  get size (): number {
    return this.#all.size
  }

  get #hasRoom (): boolean {
    return this.#all.size < WIRE_LIMITS.candidates
  }

  /** True when one more can be taken that this peer tells of, perhaps in place of one that a more talkative one did. */
  takesFrom (teller: string): boolean {
    const untried = this.#untriedBy(teller).length
    return untried < WIRE_LIMITS.untriedPerTeller && (this.#hasRoom || this.#mostUntried().length > untried + 1)
  }

  get (key: string): Candidate | undefined {
    return this.#all.get(key)
  }

  /** Adds a candidate or what more is known of it; ignored when there are too many. */
  add (found: {
    peerId?: string | undefined, addrs: readonly string[], isHint: boolean, at: number, teller?: string | undefined
  }): void {
    const key = found.peerId ?? found.addrs[0]
    if (key === undefined) return
    const known = this.#all.get(key)
    if (known !== undefined) {
      known.addrs = [...new Set([...found.addrs, ...known.addrs])].slice(0, WIRE_LIMITS.addrsPerCandidate)
      if (known.state === 'waiting' && found.at < known.nextAt && known.failures === 0) known.nextAt = found.at
      if (found.teller === undefined) known.tellers = []
      else this.toldBy(key, found.teller)
      return
    }
    if (found.teller !== undefined && !this.takesFrom(found.teller)) return
    if (!this.#hasRoom && !found.isHint) {
      const last = found.teller === undefined ? undefined : this.#mostUntried().at(-1)
      if (last === undefined) return
      this.#all.delete(last.key)
    }
    this.#all.set(key, {
      key,
      peerId: found.peerId,
      addrs: found.addrs.slice(0, WIRE_LIMITS.addrsPerCandidate),
      isHint: found.isHint,
      tellers: found.teller === undefined ? [] : [found.teller],
      isTried: false,
      dialled: [],
      reachedAt: undefined,
      state: 'waiting',
      nextAt: found.at,
      failures: 0,
      isFull: false,
      refusals: 0
    })
  }

  /** Somebody else tells of a candidate. What nobody told is not made worse by that. */
  toldBy (key: string, teller: string): void {
    const known = this.#all.get(key)
    if (known === undefined || known.tellers.length === 0 || known.tellers.includes(teller)) return
    if (known.tellers.length < WIRE_LIMITS.tellersPerCandidate) known.tellers.push(teller)
  }

  /**
   * The candidates to dial now, hints first and those that peers told of last, by turns of the peers: `most` of any
   * kind; up to `mostHints` where they are hints that had room for us, for a publisher that was lost may be the only
   * one to have a block, however many peers there are.
   */
  due (now: number, most: number, mostHints = most): Candidate[] {
    const due: Candidate[] = []
    for (const candidate of this.#all.values()) {
      if (candidate.state === 'waiting' && candidate.nextAt <= now) due.push(candidate)
    }
    due.sort((a, b) => Number(b.isHint) - Number(a.isHint) || a.nextAt - b.nextAt)
    const own = due.filter(({ tellers }) => tellers.length === 0)
    const told = due.filter(({ tellers }) => tellers.length > 0)
    const first = own.filter(({ isHint, isFull }, i) => i < most || (isHint && !isFull && i < mostHints))
    return [...first, ...this.#tellers.choose(told, most - own.length)]
  }

  /** When the next one is due. */
  nextAt (): number | undefined {
    let next: number | undefined
    for (const candidate of this.#all.values()) {
      if (candidate.state === 'waiting' && (next === undefined || candidate.nextAt < next)) next = candidate.nextAt
    }
    return next
  }

  /** It could not be reached, or had nothing for us. `random` spreads the next tries of many nodes. */
  failed (candidate: Candidate, now: number, random: () => number): void {
    candidate.state = 'waiting'
    candidate.failures++
    candidate.nextAt = now + pauseAfter(candidate.failures, random)
    if (!candidate.isHint && candidate.failures >= FORGET_AFTER_FAILURES) this.#all.delete(candidate.key)
  }

  /** It is to be tried for ever: once more then. */
  again (candidate: Candidate, at: number): void {
    candidate.failures = 0
    candidate.nextAt = at
    this.#all.set(candidate.key, candidate)
  }

  connected (candidate: Candidate): void {
    candidate.state = 'connected'
    candidate.isTried = true
    candidate.failures = 0
    candidate.isFull = false
  }

  /** A session with this peer ended: it is tried again after the first pause. */
  lost (peerId: string, now: number): void {
    for (const candidate of this.#all.values()) {
      if (candidate.peerId !== peerId || candidate.state !== 'connected') continue
      candidate.state = 'waiting'
      candidate.refusals = 0
      candidate.nextAt = now + REDIAL_FIRST_MS
    }
  }

  /** A peer has no room for us, as it says before or after the dial is done: growing pauses, never forgotten. */
  refused (peerId: string, now: number, random: () => number): void {
    for (const candidate of this.#all.values()) {
      if (candidate.peerId !== peerId) continue
      // A dial under way ends by itself: until then it is not dialled again.
      if (candidate.state === 'connected') candidate.state = 'waiting'
      candidate.isFull = true
      candidate.refusals++
      candidate.nextAt = now + pauseAfter(candidate.refusals, random)
    }
  }

  /** It misbehaved: not to be dialled before then. */
  postpone (candidate: Candidate, until: number): void {
    candidate.nextAt = until
  }

  #untriedBy (teller: string): Candidate[] {
    return [...this.#all.values()].filter(({ tellers, isTried }) => !isTried && tellers[0] === teller)
  }

  /** Those not dialled yet of the peer that told of most of them. */
  #mostUntried (): Candidate[] {
    const byTeller = new Map<string, Candidate[]>()
    for (const candidate of this.#all.values()) {
      const [teller] = candidate.tellers
      if (teller === undefined || candidate.isTried) continue
      byTeller.set(teller, [...byTeller.get(teller) ?? [], candidate])
    }
    return [...byTeller.values()].reduce((a, b) => b.length > a.length ? b : a, [])
  }
}

/** The pause after so many failures one after the other: doubling, spread by chance. */
export function pauseAfter (failures: number, random: () => number): number {
  return Math.min(REDIAL_FIRST_MS * 2 ** (failures - 1), REDIAL_MAX_MS) * (0.75 + random() / 2)
}
