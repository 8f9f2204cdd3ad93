import { describe, expect, it } from 'vitest'
import { REDIAL_FIRST_MS, REDIAL_MAX_MS } from '../../src/defaults.ts'
import { Candidates } from '../../src/swarm/candidates.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'

const even = (): number => 0.5
const found = (peerId: string, isHint = false): { peerId: string, addrs: string[], isHint: boolean, at: number } =>
  ({ peerId, addrs: [`/ip4/10.0.0.1/tcp/1/p2p/${peerId}`], isHint, at: 0 })

function only (candidates: Candidates, key: string): NonNullable<ReturnType<Candidates['get']>> {
  const candidate = candidates.get(key)
  if (candidate === undefined) throw new Error(`No candidate ${key}`)
  return candidate
}

describe('candidates', () => {
  it('are due hints first, then those that have waited longest', () => {
    const candidates = new Candidates()
    candidates.add({ ...found('late'), at: 5 })
    candidates.add(found('early'))
    candidates.add({ ...found('hint', true), at: 9 })
    candidates.add({ ...found('later'), at: 100 })
    expect(candidates.due(10, 10).map(one => one.key)).toEqual(['hint', 'early', 'late'])
    expect(candidates.due(10, 1).map(one => one.key)).toEqual(['hint'])
    expect(candidates.due(10, -1)).toEqual([])
    expect(candidates.nextAt()).toBe(0)
  })

  it('are one for a peer, with all its addresses, the newest first, eight at most', () => {
    const candidates = new Candidates()
    for (let i = 0; i < 12; i++) candidates.add({ peerId: 'a', addrs: [`/ip4/10.0.0.${i}/tcp/1`], isHint: false, at: 0 })
    expect(only(candidates, 'a').addrs).toHaveLength(8)
    expect(only(candidates, 'a').addrs[0]).toBe('/ip4/10.0.0.11/tcp/1')
  })

  it('are named by their address where no peer id is known, and ignored where neither is', () => {
    const candidates = new Candidates()
    candidates.add({ addrs: ['/ip4/10.0.0.1/tcp/1'], isHint: true, at: 0 })
    candidates.add({ addrs: [], isHint: true, at: 0 })
    expect([...candidates.all].map(one => one.key)).toEqual(['/ip4/10.0.0.1/tcp/1'])
  })

  it('wait longer after every failure, up to the most, and spread by chance', () => {
    const candidates = new Candidates()
    candidates.add(found('a', true))
    const candidate = only(candidates, 'a')
    const pauses = Array.from({ length: 8 }, () => {
      candidates.failed(candidate, 1000, even)
      return candidate.nextAt - 1000
    })
    expect(pauses.slice(0, 3)).toEqual([REDIAL_FIRST_MS, 2 * REDIAL_FIRST_MS, 4 * REDIAL_FIRST_MS])
    expect(pauses.at(-1)).toBe(REDIAL_MAX_MS)
    candidates.failed(candidate, 0, () => 0)
    expect(candidate.nextAt).toBe(0.75 * REDIAL_MAX_MS)
  })

  it('are forgotten after five failures, unless they are hints', () => {
    const candidates = new Candidates()
    candidates.add(found('hint', true))
    candidates.add(found('told'))
    for (const key of ['hint', 'told']) {
      const candidate = only(candidates, key)
      for (let i = 0; i < 5; i++) candidates.failed(candidate, 0, even)
    }
    expect([...candidates.all].map(one => one.key)).toEqual(['hint'])
  })

  it('begin anew once connected, and are due again soon after they are lost', () => {
    const candidates = new Candidates()
    candidates.add(found('a'))
    const candidate = only(candidates, 'a')
    candidates.failed(candidate, 0, even)
    candidates.connected(candidate)
    expect(candidates.due(1e9, 10)).toEqual([])
    candidates.lost('a', 2000)
    expect([candidate.nextAt, candidate.failures]).toEqual([2000 + REDIAL_FIRST_MS, 0])
  })

  it('are not dialled before the time they were put off to, and then again', () => {
    const candidates = new Candidates()
    candidates.add(found('a'))
    const [candidate] = candidates.due(0, 10)
    if (candidate === undefined) throw new Error('unreachable')
    candidates.postpone(candidate, 5000)
    expect([candidates.due(4999, 10).length, candidates.due(5000, 10).length]).toEqual([0, 1])
  })

  it('are bounded, hints apart', () => {
    const candidates = new Candidates()
    for (let i = 0; i < 3000; i++) candidates.add(found(`peer-${i}`))
    candidates.add(found('hint', true))
    expect([...candidates.all]).toHaveLength(2049)
  })

  it('are told by peers in turns: who tells of many keeps nobody from those that others tell of', () => {
    const candidates = new Candidates()
    for (let i = 0; i < 500; i++) candidates.add({ ...found(`fake${i}`), teller: 'liar' })
    expect(candidates.size).toBe(WIRE_LIMITS.untriedPerTeller)
    expect(candidates.due(0, 4).map(one => one.key)).toEqual(['fake0', 'fake1', 'fake2', 'fake3'])
    candidates.add({ ...found('seeder'), at: 5, teller: 'honest' })
    candidates.add(found('near'))
    expect(candidates.due(10, 3).map(one => one.key)).toEqual(['near', 'seeder', 'fake0'])
  })

  it('that a liar told of first have the turn of an honest peer who tells of them too', () => {
    const candidates = new Candidates()
    for (const key of ['fake0', 'fake1', 'fake2', 'seeder']) candidates.add({ ...found(key), teller: 'liar' })
    expect(candidates.due(0, 1).map(one => one.key)).toEqual(['fake0'])
    candidates.toldBy('seeder', 'honest')
    expect(candidates.due(0, 1).map(one => one.key)).toEqual(['seeder'])
  })

  it('leave room for what others tell when there are too many', () => {
    const candidates = new Candidates()
    for (let i = 0; i < WIRE_LIMITS.candidates; i++) candidates.add({ ...found(`fake${i}`), teller: `liar${i >> 5}` })
    expect([candidates.size, candidates.takesFrom('liar0'), candidates.takesFrom('honest')])
      .toEqual([WIRE_LIMITS.candidates, false, true])
    candidates.add({ ...found('seeder'), teller: 'honest' })
    expect([candidates.size, candidates.get('seeder')?.tellers]).toEqual([WIRE_LIMITS.candidates, ['honest']])
  })

  it('do not count among those of their teller once they were dialled', () => {
    const candidates = new Candidates()
    for (let i = 0; i < WIRE_LIMITS.untriedPerTeller; i++) candidates.add({ ...found(`p${i}`), teller: 'a' })
    expect(candidates.takesFrom('a')).toBe(false)
    only(candidates, 'p0').isTried = true
    expect(candidates.takesFrom('a')).toBe(true)
  })
})
