import { describe, expect, it } from 'vitest'
import { IDLE_NEIGHBOUR_MS, MAX_PEERS_PER_MODEL } from '../../src/defaults.ts'
import { whoLeaves } from '../../src/swarm/seats.ts'

const NOW = 10 * IDLE_NEIGHBOUR_MS
const QUARTER = MAX_PEERS_PER_MODEL / 4

type Seat = Parameters<typeof whoLeaves>[0][number] & { name: string }

interface Own extends Partial<Pick<Seat, 'host' | 'isOutbound'>>, Partial<Seat['exchange']> {}

function seat (name: string, { host = name, isOutbound = false, ...exchanged }: Own = {}): Seat {
  return { name, host, isOutbound, exchange: { given: 0, taken: 0, usedAt: NOW, ...exchanged } }
}

/** So many that came just now from one host, all others from one each. */
function swarmWith (many: number, own: Own = {}): Seat[] {
  return Array.from({ length: MAX_PEERS_PER_MODEL }, (_, i) => i < many ? seat(`many${i}`, { host: 'many', ...own }) : seat(`s${i}`))
}

describe('who gives place to a newcomer', () => {
  it('is who exchanged nothing for longest, a minute at least', () => {
    const ago = (ms: number): Own => ({ usedAt: NOW - ms })
    const sessions = [
      seat('idle', ago(IDLE_NEIGHBOUR_MS)), seat('longest', ago(2 * IDLE_NEIGHBOUR_MS)),
      seat('exchanges', { ...ago(1), given: 1, taken: 1 }),
      seat('dialled', { ...ago(3 * IDLE_NEIGHBOUR_MS), isOutbound: true })
    ]
    expect(whoLeaves(sessions, 'new', NOW)?.name).toBe('longest')
    expect(whoLeaves(sessions.slice(2), 'new', NOW)).toBeUndefined()
  })

  it('is the newest of a host with more than a quarter of the seats, for somebody from another host', () => {
    expect(whoLeaves(swarmWith(QUARTER + 1), 'new', NOW)?.name).toBe(`many${QUARTER}`)
    expect(whoLeaves(swarmWith(QUARTER + 1), 'many', NOW)).toBeUndefined()
    expect(whoLeaves(swarmWith(QUARTER), 'new', NOW)).toBeUndefined()
  })

  it('is nobody who exchanges blocks, however many come from its host', () => {
    expect(whoLeaves(swarmWith(MAX_PEERS_PER_MODEL, { given: 1 }), 'new', NOW)).toBeUndefined()
    expect(whoLeaves(swarmWith(MAX_PEERS_PER_MODEL, { taken: 1 }), 'new', NOW)).toBeUndefined()
  })
})
