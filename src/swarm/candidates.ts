import { FORGET_AFTER_FAILURES, REDIAL_FIRST_MS, REDIAL_MAX_MS } from '../defaults.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'

/** Somebody who may have the model: where to dial, and how it went. */
export interface Candidate {
  /** The peer id, or the address where none is known. */
  readonly key: string
  peerId: string | undefined
  addrs: string[]
  /** Given by the link or the caller: tried as long as the pull runs. Others are forgotten after a few failures. */
  readonly isHint: boolean
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

  get all (): Iterable<Candidate> {
    return this.#all.values()
  }

  get size (): number {
    return this.#all.size
  }

  get hasRoom (): boolean {
    return this.#all.size < WIRE_LIMITS.candidates
  }

  get (key: string): Candidate | undefined {
    return this.#all.get(key)
  }

  /** Adds a candidate or what more is known of it; ignored when there are too many. */
  add (found: { peerId?: string | undefined, addrs: readonly string[], isHint: boolean, at: number }): void {
    const key = found.peerId ?? found.addrs[0]
    if (key === undefined) return
    const known = this.#all.get(key)
    if (known !== undefined) {
      known.addrs = [...new Set([...found.addrs, ...known.addrs])].slice(0, WIRE_LIMITS.addrsPerCandidate)
      if (known.state === 'waiting' && found.at < known.nextAt && known.failures === 0) known.nextAt = found.at
      return
    }
    if (!this.hasRoom && !found.isHint) return
    this.#all.set(key, {
      key,
      peerId: found.peerId,
      addrs: found.addrs.slice(0, WIRE_LIMITS.addrsPerCandidate),
      isHint: found.isHint,
      state: 'waiting',
      nextAt: found.at,
      failures: 0,
      isFull: false,
      refusals: 0
    })
  }

  /**
   * The candidates to dial now, hints first: `most` of any kind; up to `mostHints` where they are hints that had room
   * for us, for a publisher that was lost may be the only one to have a block, however many peers there are.
   */
  due (now: number, most: number, mostHints = most): Candidate[] {
    const due: Candidate[] = []
    for (const candidate of this.#all.values()) {
      if (candidate.state === 'waiting' && candidate.nextAt <= now) due.push(candidate)
    }
    due.sort((a, b) => Number(b.isHint) - Number(a.isHint) || a.nextAt - b.nextAt)
    return due.filter(({ isHint, isFull }, i) => i < most || (isHint && !isFull && i < mostHints))
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

  connected (candidate: Candidate): void {
    candidate.state = 'connected'
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
}

function pauseAfter (failures: number, random: () => number): number {
  return Math.min(REDIAL_FIRST_MS * 2 ** (failures - 1), REDIAL_MAX_MS) * (0.75 + random() / 2)
}
