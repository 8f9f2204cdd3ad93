import {
  ENOUGH_REFUSALS, ENOUGH_SHARE, FULL_MESH_PEERS, GRAPH_DEGREE, MAX_TRIED, MOST_SESSIONS_TO_DIAL, PARALLEL_DIALS,
  REDIAL_MAX_MS, SEARCH_IDLE_TICK_MS, SEARCH_TICK_MS
} from '../defaults.ts'
import { Candidates } from './candidates.ts'
import { DialledPlaces } from './dialled-places.ts'
import { countNeighbours } from './neighbours.ts'
import { troubleOf } from './trouble.ts'
import type { Candidate } from './candidates.ts'
import type { Clock } from './ports.ts'
import type { Session } from './session.ts'
import type { Swarm } from './swarm.ts'
import type { TriedSource } from './trouble.ts'

export interface SearchParts {
  ourId: string
  swarm: Pick<Swarm, 'sessions'>
  /**
   * Resolves when there is a session with the candidate, or the candidate says that there is; enters its peer id, and
   * where it was reached, as soon as that is known.
   */
  dial: (candidate: Candidate) => Promise<void>
  /** How long a peer is not to be dialled because of what it did. */
  refusedForMs: (peerId: string) => number
  clock: Clock
  random: () => number
  signal: AbortSignal
}

/** The search for the peers of one swarm: who is dialled when, and how it went. */
export class Search {
  readonly #parts: SearchParts
  readonly #candidates = new Candidates()
  readonly #places = new DialledPlaces()
  /** What came of those that were tried, by peer id, or address where none is known. */
  readonly #tried = new Map<string, TriedSource>()
  #dialling = 0
  /** Peers that had no room for us. */
  readonly #refusedBy = new Set<string>()
  readonly #begunAt: number
  #isStopped = false
  #cancelTimer: () => void = () => {}

  constructor (parts: SearchParts) {
    this.#parts = parts
    this.#begunAt = parts.clock.now()
  }

  /** `teller`: the peer that told of it; none where the caller did, or this network. */
  add (found: {
    peerId?: string | undefined, addrs: readonly string[], isHint: boolean, waitMs?: number, teller?: string
  }): void {
    if (found.peerId === this.#parts.ourId) return
    this.#candidates.add({ ...found, at: this.#parts.clock.now() + (found.waitMs ?? 0) })
    this.#tick()
  }

  /** True when this peer is a candidate already, with an address to dial. */
  knows (peerId: string): boolean {
    return (this.#candidates.get(peerId)?.addrs.length ?? 0) > 0
  }

  /** Somebody tells of a peer that is a candidate already. */
  toldBy (peerId: string, teller: string): void {
    this.#candidates.toldBy(peerId, teller)
  }

  /** True when one more candidate can be taken from this peer. */
  takesFrom (teller: string): boolean {
    return this.#candidates.takesFrom(teller)
  }

  /** True when no newcomer is needed: all of a small swarm is wanted, and of a large one a few. */
  get isContent (): boolean {
    return this.#neighbours >= this.#wantedPeers
  }

  /** True when we have too few after several refusals: who is dialled now is to let us in. */
  get insists (): boolean {
    return this.#areMostFull && this.#isShort
  }

  get #areMostFull (): boolean {
    return this.#refusedBy.size >= ENOUGH_REFUSALS
  }

  get #isShort (): boolean {
    return this.#neighbours < this.#wantedPeers * ENOUGH_SHARE
  }

  get #neighbours (): number {
    const { swarm: { sessions }, clock } = this.#parts
    return countNeighbours([...sessions.values()], this.#begunAt, clock.now())
  }

  get #wantedPeers (): number {
    return this.#candidates.size > FULL_MESH_PEERS ? GRAPH_DEGREE : FULL_MESH_PEERS
  }

  onSessionEnd (session: Session, err: Error | undefined): void {
    const { clock, random } = this.#parts
    this.#note(session.peerId, this.nameOf(session.peerId), err)
    // A peer without room answers Hello all the same, and tells of others, before it ends the session.
    if (troubleOf(err).kind === 'full') {
      if (this.#refusedBy.size < ENOUGH_REFUSALS) this.#refusedBy.add(session.peerId)
      this.#candidates.refused(session.peerId, clock.now(), random)
    } else {
      this.#candidates.lost(session.peerId, clock.now())
    }
    this.#tick()
  }

  /** Sources that were tried and are not connected, those that misbehaved included, the latest last. */
  report (): TriedSource[] {
    const { sessions } = this.#parts.swarm
    const isOver = (id: string): boolean => this.#tried.has(id) || sessions.has(id)
    const pending = [...this.#candidates.all].filter(({ key, peerId, state }) => {
      return state !== 'connected' && !isOver(key) && (peerId === undefined || !isOver(peerId))
    }).map(({ key, addrs: [addr] }) => ({ name: addr ?? this.nameOf(key), trouble: { kind: 'pending', seen: '' } as const }))
    const tried = [...this.#tried].filter(([id]) => !sessions.has(id)).map(([, source]) => source)
    // One address, given with an id and without, is one source to a reader.
    const byName = new Map<string, TriedSource>()
    for (const source of [...pending, ...tried]) {
      const name = bare(source.name)
      byName.delete(name)
      byName.set(name, source)
    }
    return [...byName.values()]
  }

  /** What a peer is called where people read it: the address it was tried at, or the end of its id. */
  nameOf (peerId: string): string {
    for (const { peerId: id, addrs: [addr] } of this.#candidates.all) {
      if (id === peerId && addr !== undefined) return addr
    }
    return `peer ${peerId.slice(-8)}`
  }

  /** How many peers are known; one that is known by an address and by its id counts once. */
  get tried (): number {
    const all = [...this.#candidates.all]
    const named = all.filter(({ peerId }) => peerId !== undefined)
    const theirAddrs = new Set(named.flatMap(({ addrs }) => addrs.map(bare)))
    const nameless = all.filter(({ key, peerId }) => peerId === undefined && !theirAddrs.has(bare(key)))
    return new Set(named.map(({ peerId }) => peerId)).size + nameless.length
  }

  stop (): void {
    this.#isStopped = true
    this.#cancelTimer()
  }

  #note (id: string, name: string, err: unknown): void {
    this.#tried.delete(id)
    this.#tried.set(id, { name, trouble: troubleOf(err) })
    for (const [oldest] of this.#tried) if (this.#tried.size > MAX_TRIED) this.#tried.delete(oldest)
  }

  #tick (): void {
    if (this.#isStopped || this.#parts.signal.aborted) return
    const now = this.#parts.clock.now()
    const { sessions } = this.#parts.swarm
    // Where most have enough, looking for the last few costs them and us more than it brings.
    const hasEnough = this.#areMostFull && !this.#isShort
    const dialled = [...sessions.values()].filter(({ isOutbound }) => isOutbound).length
    const missing = Math.min(this.#wantedPeers - this.#neighbours, MOST_SESSIONS_TO_DIAL - dialled)
    const wanted = hasEnough ? 0 : Math.min(PARALLEL_DIALS, missing) - this.#dialling
    for (const candidate of this.#candidates.due(now, wanted, PARALLEL_DIALS - this.#dialling)) {
      if (candidate.peerId !== undefined && sessions.has(candidate.peerId)) {
        this.#candidates.connected(candidate)
        continue
      }
      const refusedForMs = candidate.peerId === undefined ? 0 : this.#parts.refusedForMs(candidate.peerId)
      if (refusedForMs > 0) {
        this.#candidates.postpone(candidate, now + refusedForMs)
        continue
      }
      if (!this.#begins(candidate, now)) continue
      this.#parts.dial(candidate).then(() => {
        this.#places.reached(candidate.dialled, candidate.reachedAt)
        this.#onDialled(candidate)
      }).catch((err: unknown) => {
        if (candidate.reachedAt !== undefined) this.#places.reached(candidate.dialled, candidate.reachedAt)
        const id = candidate.peerId ?? candidate.key
        this.#note(id, candidate.addrs[0] ?? this.nameOf(id), err)
        this.#candidates.failed(candidate, this.#parts.clock.now(), this.#parts.random)
      }).finally(() => {
        this.#dialling--
        this.#tick()
      })
    }
    this.#cancelTimer()
    const nextAt = this.#candidates.nextAt()
    if (nextAt === undefined) return
    // With all the peers we want there is nothing to hurry for.
    const least = wanted > 0 ? SEARCH_TICK_MS : SEARCH_IDLE_TICK_MS
    this.#cancelTimer = this.#parts.clock.setTimer(Math.max(least, nextAt - now), () => { this.#tick() })
  }

  /** False when all its addresses were dialled in vain lately, for it or for others. Hints have pauses of their own. */
  #begins (candidate: Candidate, now: number): boolean {
    const { addrs, isHint } = candidate
    const usable = isHint ? addrs : this.#places.usable(addrs, now)
    if (usable.length === 0 && addrs.length > 0) {
      this.#candidates.postpone(candidate, this.#places.freeAt(addrs))
      return false
    }
    if (!isHint) this.#places.begin(usable, now, this.#parts.random)
    Object.assign(candidate, { state: 'dialling', isFull: false, isTried: true, dialled: usable, reachedAt: undefined })
    this.#dialling++
    return true
  }

  #onDialled (candidate: Candidate): void {
    const { swarm: { sessions }, ourId, clock, random } = this.#parts
    const { key, peerId } = candidate
    if (peerId === undefined || peerId === ourId || sessions.has(peerId)) {
      this.#candidates.connected(candidate)
      this.#tried.delete(key)
      if (peerId !== undefined) this.#tried.delete(peerId)
      return
    }
    if (candidate.isFull) {
      candidate.state = 'waiting'
      return
    }
    // The peer has a session with us that we have not (any more): its own is on its way here, or it has not noticed the
    // end of an old one, as after a change of address. It is tried until it notices, however long that takes.
    this.#note(peerId, this.nameOf(peerId), undefined)
    this.#candidates.failed(candidate, clock.now(), random)
    if (this.#candidates.get(key) === undefined) this.#candidates.again(candidate, clock.now() + REDIAL_MAX_MS)
  }
}

/** An address without the peer id that it may end in. */
function bare (addr: string): string {
  return addr.replace(/\/p2p\/[^/]+$/, '')
}
