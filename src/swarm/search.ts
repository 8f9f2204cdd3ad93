import { FULL_MESH_PEERS, GRAPH_DEGREE, PARALLEL_DIALS } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { Candidates } from './candidates.ts'
import type { Candidate } from './candidates.ts'
import type { Clock } from './ports.ts'
import type { Session } from './session.ts'
import type { Swarm } from './swarm.ts'

export interface SearchParts {
  ourId: string
  swarm: Pick<Swarm, 'sessions'>
  /** Resolves when there is a session with the candidate; enters its peer id as soon as that is known. */
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
  #dialling = 0
  #isStopped = false
  #cancelTimer: () => void = () => {}

  constructor (parts: SearchParts) {
    this.#parts = parts
  }

  add (found: { peerId?: string | undefined, addrs: readonly string[], isHint: boolean, waitMs?: number }): void {
    if (found.peerId === this.#parts.ourId) return
    this.#candidates.add({ ...found, at: this.#parts.clock.now() + (found.waitMs ?? 0) })
    this.#tick()
  }

  /** True when this peer is a candidate already, with an address to dial. */
  knows (peerId: string): boolean {
    return (this.#candidates.get(peerId)?.addrs.length ?? 0) > 0
  }

  /** True when one more candidate can be taken. */
  get hasRoom (): boolean {
    return this.#candidates.hasRoom
  }

  onSessionEnd (session: Session, err: Error | undefined): void {
    this.#candidates.lost(session.peerId, this.#parts.clock.now(), err?.message)
    this.#tick()
  }

  /** What was tried and how it went, a line each: for the message of a pull that gave up. */
  report (): string[] {
    return [...this.#candidates.all].filter(one => one.lastError !== undefined && one.state !== 'connected')
      .sort((a, b) => Number(b.isHint) - Number(a.isHint))
      .map(one => `${one.addrs[0] ?? one.key}: ${one.lastError ?? ''}`)
  }

  get tried (): number {
    return [...this.#candidates.all].length
  }

  stop (): void {
    this.#isStopped = true
    this.#cancelTimer()
  }

  #tick (): void {
    if (this.#isStopped || this.#parts.signal.aborted) return
    const now = this.#parts.clock.now()
    const { sessions } = this.#parts.swarm
    const wanted = sessions.size < FULL_MESH_PEERS
      ? PARALLEL_DIALS - this.#dialling
      : sessions.size < GRAPH_DEGREE ? 1 : 0
    for (const candidate of this.#candidates.due(now, wanted)) {
      if (candidate.peerId !== undefined && sessions.has(candidate.peerId)) {
        this.#candidates.connected(candidate)
        continue
      }
      const refusedForMs = candidate.peerId === undefined ? 0 : this.#parts.refusedForMs(candidate.peerId)
      if (refusedForMs > 0) {
        this.#candidates.postpone(candidate, now + refusedForMs)
        continue
      }
      candidate.state = 'dialling'
      this.#dialling++
      this.#parts.dial(candidate).then(() => { this.#candidates.connected(candidate) }).catch((err: unknown) => {
        this.#candidates.failed(candidate, reasonOf(err), this.#parts.clock.now(), this.#parts.random)
      }).finally(() => {
        this.#dialling--
        this.#tick()
      })
    }
    this.#cancelTimer()
    const nextAt = this.#candidates.nextAt()
    if (nextAt === undefined) return
    // With all the peers we want there is nothing to hurry for.
    const least = wanted > 0 ? MIN_TICK_MS : IDLE_TICK_MS
    this.#cancelTimer = this.#parts.clock.setTimer(Math.max(least, nextAt - now), () => { this.#tick() })
  }
}

const MIN_TICK_MS = 50
const IDLE_TICK_MS = 2000

/** What the system's words for a failed dial mean to people. */
const REASONS: ReadonlyArray<readonly [string, string]> = [
  ['ECONNREFUSED', 'connection refused, nothing listens there'],
  ['ECONNRESET', 'the connection was reset'],
  ['ETIMEDOUT', 'no answer'],
  ['EHOSTUNREACH', 'no route to the host'],
  ['ENETUNREACH', 'no route to the network'],
  ['ENOTFOUND', 'the name does not resolve'],
  ['does not match expected remote identity', 'another peer answers there'],
  ['closed while reading 0/', 'the connection was closed at once'],
  ['Unexpected EOF', 'something else than modelswarm answers there'],
  ['no valid addresses', 'it cannot be dialled from here; TCP addresses can'],
  ['timed out', 'no answer'],
  ['The operation was aborted', 'no answer']
]

function reasonOf (err: unknown): string {
  if (!(err instanceof Error)) return 'failed'
  if (err.name === 'UnsupportedProtocolError') {
    return new ModelswarmError('ERR_VERSION', 'the peer answers, but does not speak this version of modelswarm').message
  }
  if (err instanceof AggregateError && err.errors[0] instanceof Error) return reasonOf(err.errors[0])
  for (const [code, words] of REASONS) if (err.message.includes(code)) return words
  return err.message.split('\n')[0] ?? 'failed'
}
