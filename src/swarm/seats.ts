import { IDLE_NEIGHBOUR_MS, MAX_PEERS_PER_MODEL } from '../defaults.ts'
import { ByeReason } from '../wire/protocol.ts'
import type { Session } from './session.ts'

type Seat = Pick<Session, 'host' | 'isOutbound'> & {
  readonly exchange: Pick<Session['exchange'], 'given' | 'taken' | 'usedAt'>
}

/** Makes room in a swarm that is full, for a newcomer from this host; false when everybody is to stay. */
export function makeRoom (sessions: Iterable<Session>, host: string | undefined, now: number): boolean {
  const leaver = whoLeaves([...sessions], host, now)
  leaver?.close(ByeReason.full).catch(() => { /* it is over in any case */ })
  return leaver !== undefined
}

/**
 * Who came to us and gives place to a newcomer: whoever has neither given a block nor taken one for longest, a minute
 * at least; else, of a host with more than a quarter of the seats that others ask for, the newest that has done neither
 * yet. Who exchanges blocks stays. Pure; `sessions` are in the order they came in.
 */
export function whoLeaves<T extends Seat> (
  sessions: readonly T[], host: string | undefined, now: number
): T | undefined {
  const inbound = sessions.filter(({ isOutbound }) => !isOutbound)
  const idle = inbound.filter(({ exchange }) => now - exchange.usedAt >= IDLE_NEIGHBOUR_MS)
  if (idle.length > 0) return idle.reduce((a, b) => b.exchange.usedAt < a.exchange.usedAt ? b : a)
  const seats = new Map<string, number>()
  for (const session of sessions) {
    if (session.host !== undefined) seats.set(session.host, (seats.get(session.host) ?? 0) + 1)
  }
  return inbound.findLast(({ host: their, exchange }) => their !== undefined && their !== host &&
    exchange.given === 0 && exchange.taken === 0 && (seats.get(their) ?? 0) > MAX_PEERS_PER_MODEL / 4)
}
