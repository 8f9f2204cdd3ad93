import { describe, expect, it, vi } from 'vitest'
import {
  ENOUGH_REFUSALS, ENOUGH_SHARE, FULL_MESH_PEERS, GRAPH_DEGREE, IDLE_NEIGHBOUR_MS, MOST_SESSIONS_TO_DIAL,
  MOST_STRANGERS, PARALLEL_DIALS
} from '../../src/defaults.ts'
import { ModelswarmError } from '../../src/errors.ts'
import { byeError } from '../../src/swarm/bye-error.ts'
import { Search } from '../../src/swarm/search.ts'
import { Session } from '../../src/swarm/session.ts'
import { troubleOf } from '../../src/swarm/trouble.ts'
import { ByeReason } from '../../src/wire/protocol.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { MemoryChannel } from './memory-channel.ts'
import { MemoryNode, dial, memoryModel, pass } from './memory-node.ts'
import type { SearchParts } from '../../src/swarm/search.ts'

vi.mock('../../src/swarm/proof.ts', async () => await import('./instant-proof.ts'))

describe('the trouble with a source', () => {
  it.each<[unknown, string]>([
    [new Error('connect ECONNREFUSED 127.0.0.1:1'), 'refused'],
    [new AggregateError([new Error('connect ENETUNREACH')], 'All dials failed'), 'noRoute'],
    [new Error('The operation was aborted'), 'noAnswer'],
    [new Error('The operation was aborted due to timeout'), 'mute'],
    [new Error('Missing newline'), 'notLibp2p'],
    [new Error('Protocol selection failed - could not negotiate /noise'), 'otherLibp2p'],
    [new ModelswarmError('ERR_VERSION', 'x'), 'otherVersion'],
    [byeError(ByeReason.unknownRoot, 'x'), 'unknownRoot'],
    [byeError(ByeReason.full, 'x'), 'full'],
    [byeError(ByeReason.stopping, 'x'), 'lost'],
    [new ModelswarmError('ERR_BAD_BLOCK', 'x'), 'wrongBytes'],
    [new ModelswarmError('ERR_BAD_FRAME', 'x'), 'brokeProtocol'],
    [new Error('something new'), 'other'],
    ['no error', 'other']
  ])('%s is told as a kind: %s', (err, kind) => {
    expect(troubleOf(err).kind).toBe(kind)
  })
})

describe('a search', () => {
  it('tries again with pauses that grow to ten seconds, and reports whom it tries and why in vain', async () => {
    const clock = new VirtualClock()
    const dialledAt: number[] = []
    const search = new Search({
      swarm: { sessions: new Map() },
      dial: async candidate => {
        if (candidate.addrs[0] === 'mute') return await new Promise(() => {})
        dialledAt.push(clock.now())
        throw new Error('connect ECONNREFUSED')
      },
      ...usual(clock)
    })
    search.add({ addrs: ['refusing'], isHint: true })
    search.add({ addrs: ['mute'], isHint: true })
    await pass(clock, 60_000)
    const pauses = dialledAt.slice(1).map((at, i) => at - (dialledAt[i] ?? 0))
    expect(pauses.slice(0, 6)).toEqual([500, 1000, 2000, 4000, 8000, 10_000])
    expect(search.report().map(({ name, trouble }) => [name, trouble.kind])).toEqual([['mute', 'pending'], ['refusing', 'refused']])
    search.stop()
  })

  it('counts and reports a peer once that is known by its address and by its id', async () => {
    const clock = new VirtualClock()
    const search = new Search({
      swarm: { sessions: new Map() },
      dial: async candidate => {
        if (candidate.addrs[0] === '/first') candidate.peerId = 'one'
        throw new Error('connect ECONNREFUSED')
      },
      ...usual(clock)
    })
    search.add({ addrs: ['/first'], isHint: true })
    search.add({ addrs: ['/second'], isHint: true })
    await pass(clock, 5000)
    // libp2p tells of whoever is connected, a link of whom it names
    search.add({ peerId: 'one', addrs: ['/elsewhere'], isHint: false })
    search.add({ peerId: 'two', addrs: ['/second/p2p/two'], isHint: true })
    await pass(clock, 5000)
    expect(search.tried).toBe(2)
    expect(search.report()).toHaveLength(2)
    search.stop()
  })

  it.each([true, false])('tries a peer until it has noticed that its session with us is over (a hint: %s)', async isHint => {
    const [clock, model] = [new VirtualClock(), await memoryModel()]
    const peer = new MemoryNode('a', clock, model).serve()
    // Ourselves at an address that we have no longer: nobody tells the peer of the end.
    const before = new MemoryNode('b', clock, model)
    dial(peer, before)
    await pass(clock, 100)
    const us = new MemoryNode('b', clock, model)
    let dials = 0
    const search = new Search({
      swarm: us.swarm,
      dial: async candidate => {
        candidate.peerId = peer.id
        dials++
        const dialled = dial(us, peer)
        await new Promise<void>(resolve => { clock.setTimer(50, resolve) })
        expect([dialled.isOver, dialled.error]).toEqual([true, undefined])
      },
      ...usual(clock)
    })
    search.add({ peerId: peer.id, addrs: ['somewhere'], isHint })
    await pass(clock, 40_000)
    expect(us.swarm.sessions.size).toBe(0)
    expect(dials).toBeGreaterThan(5)
    expect(search.report().map(({ name, trouble }) => [name, trouble.kind])).toEqual([['somewhere', 'lost']])
    before.swarm.sessions.get('a')?.abort(new Error('Noticed'))
    await pass(clock, 20_000)
    expect(us.swarm.sessions.has('a')).toBe(true)
    expect(search.report()).toEqual([])
    search.stop()
  })

  it('takes refusals for an answer while it has most of what it wants, and insists when it has less', async () => {
    const clock = new VirtualClock()
    const sessions = new Map<string, Session>()
    const full = new Set<string>()
    const dialled: string[] = []
    const search = new Search({
      swarm: { sessions },
      dial: async ({ key }) => {
        dialled.push(key)
        const isLetIn = !full.has(key) || search.insists
        sessions.set(key, session(key))
        if (!isLetIn) clock.setTimer(10, () => { end(key, byeError(ByeReason.full, key)) })
      },
      ...usual(clock)
    })
    const end = (key: string, err?: Error): void => {
      sessions.delete(key)
      search.onSessionEnd(session(key), err)
    }
    for (let i = 0; i < 60; i++) {
      // The first dozen have room.
      if (i >= 12) full.add(`p${i}`)
      search.add({ peerId: `p${i}`, addrs: [`p${i}`], isHint: false })
    }
    await pass(clock, 60_000)
    expect(sessions.size).toBe(GRAPH_DEGREE * ENOUGH_SHARE)
    expect([search.isContent, search.insists]).toEqual([false, false])
    // The dozen, the refusals that are enough, and those under way meanwhile.
    expect(dialled.length).toBeLessThanOrEqual(12 + ENOUGH_REFUSALS + PARALLEL_DIALS)
    end('p0')
    await pass(clock, 1000)
    expect(sessions.size).toBe(GRAPH_DEGREE * ENOUGH_SHARE)
    expect(dialled.length).toBeLessThanOrEqual(12 + ENOUGH_REFUSALS + 2 * PARALLEL_DIALS)
    search.stop()
  })

  it.each([[FULL_MESH_PEERS, FULL_MESH_PEERS], [FULL_MESH_PEERS + 1, GRAPH_DEGREE]])('of %i peers it wants %i', async (known, wanted) => {
    const clock = new VirtualClock()
    const sessions = new Map<string, Session>()
    const search = new Search({
      swarm: { sessions },
      dial: async ({ key }) => {
        await new Promise<void>(resolve => { clock.setTimer(10, resolve) })
        sessions.set(key, session(key))
      },
      ...usual(clock)
    })
    for (let i = 0; i < known; i++) search.add({ peerId: `p${i}`, addrs: [`p${i}`], isHint: false })
    await pass(clock, 10_000)
    expect([sessions.size, search.isContent]).toEqual([wanted, true])
    search.stop()
  })

  it('is not kept content by peers that give nothing, and does not dial without end for them', async () => {
    const clock = new VirtualClock()
    const { sessions, search } = reaching(clock)
    for (let i = 0; i < FULL_MESH_PEERS; i++) sessions.set(`idle${i}`, session(`idle${i}`, clock.now()))
    for (let i = 0; i < 100; i++) search.add({ peerId: `p${i}`, addrs: [`p${i}`], isHint: false })
    expect(search.isContent).toBe(true)
    await pass(clock, IDLE_NEIGHBOUR_MS - 1)
    expect([search.isContent, sessions.size]).toEqual([true, FULL_MESH_PEERS])
    await pass(clock, 4000)
    expect([search.isContent, sessions.size]).toEqual([true, FULL_MESH_PEERS + GRAPH_DEGREE])
    // Half of the new ones give: others are dialled in place of the other half.
    for (let i = 0; i < GRAPH_DEGREE / 2; i++) sessions.set(`p${i}`, session(`p${i}`, clock.now() + 40_000))
    await pass(clock, IDLE_NEIGHBOUR_MS)
    expect([search.isContent, sessions.size]).toEqual([true, FULL_MESH_PEERS + 1.5 * GRAPH_DEGREE])
    await pass(clock, 20 * IDLE_NEIGHBOUR_MS)
    expect([search.isContent, sessions.size]).toEqual([false, MOST_SESSIONS_TO_DIAL])
    search.stop()
  })

  it('is not kept content by strangers that give nothing and come again and again', async () => {
    const clock = new VirtualClock()
    const { sessions, search } = reaching(clock, Infinity)
    for (let i = 0; i < 4 * MOST_SESSIONS_TO_DIAL; i++) sessions.set(`idle${i}`, session(`idle${i}`, Infinity, false))
    for (let i = 0; i < 100; i++) search.add({ peerId: `p${i}`, addrs: [`p${i}`], isHint: false })
    expect(search.isContent).toBe(false)
    await pass(clock, 4000)
    const dialled = [...sessions.keys()].filter(key => key.startsWith('p'))
    expect([search.isContent, dialled.length]).toEqual([true, GRAPH_DEGREE - MOST_STRANGERS])
    search.stop()
  })

  it('does not take the neighbours of a slow swarm for idle', async () => {
    const clock = new VirtualClock()
    const { sessions, search } = reaching(clock)
    for (let i = 0; i < 100; i++) search.add({ peerId: `p${i}`, addrs: [`p${i}`], isHint: false })
    await pass(clock, 10_000)
    // A block of 1 MiB at 2 Mbit/s, from one neighbour after the other.
    const givers = [...sessions.values()]
    for (let i = 0; i < 300; i++) {
      const giver = givers[i % givers.length]
      if (giver !== undefined) Object.assign(giver.exchange, { given: giver.exchange.given + 1, gaveAt: clock.now() })
      await pass(clock, 4200)
    }
    expect([search.isContent, sessions.size]).toEqual([true, givers.length])
    search.stop()
  })

  it('counts refusals of different peers, pauses longer after each, and says that there was no room', async () => {
    const clock = new VirtualClock()
    const sessions = new Map<string, Session>()
    let dials = 0
    const search = new Search({
      swarm: { sessions },
      // The session is there for a moment before it is told.
      dial: async candidate => {
        dials++
        candidate.peerId = candidate.key
        sessions.set(candidate.key, session(candidate.key))
        clock.setTimer(10, () => {
          sessions.delete(candidate.key)
          search.onSessionEnd(session(candidate.key), byeError(ByeReason.full, candidate.key))
        })
        if (candidate.key === 'soon') await new Promise<void>(resolve => { clock.setTimer(20, resolve) })
      },
      ...usual(clock)
    })
    for (const peerId of ['soon', 'late']) search.add({ peerId, addrs: [peerId], isHint: false })
    await pass(clock, 60_000)
    expect(dials).toBeLessThan(24)
    expect(search.insists).toBe(false)
    expect(search.report().map(({ trouble }) => trouble.kind)).toEqual(['full', 'full'])
    for (let i = 0; i < ENOUGH_REFUSALS; i++) search.add({ peerId: `p${i}`, addrs: [`p${i}`], isHint: false })
    await pass(clock, 1000)
    expect(search.insists).toBe(true)
    search.stop()
  })

  it('dials a hint that was lost though it has enough peers, and none that had no room', async () => {
    const clock = new VirtualClock()
    const sessions = new Map<string, Session>()
    const dialled: string[] = []
    const search = new Search({
      swarm: { sessions },
      dial: async ({ key }) => {
        dialled.push(key)
        sessions.set(key, session(key))
      },
      ...usual(clock)
    })
    const end = (key: string, err?: Error): void => {
      sessions.delete(key)
      search.onSessionEnd(session(key), err)
    }
    for (const key of ['publisher', 'full']) search.add({ peerId: key, addrs: ['somewhere'], isHint: true })
    await pass(clock, 100)
    for (let i = 0; i < 60; i++) search.add({ peerId: `p${i}`, addrs: [`p${i}`], isHint: false })
    await pass(clock, 10_000)
    for (let i = 0; i < 4; i++) sessions.set(`inbound${i}`, session(`inbound${i}`))
    end('publisher')
    end('full', byeError(ByeReason.full, 'full'))
    dialled.length = 0
    await pass(clock, 60_000)
    expect([dialled, search.isContent]).toEqual([['publisher'], true])
    search.stop()
  })

  it('dials a host and port few times, whatever peers are said to be there, and reaches whom another tells of', async () => {
    const clock = new VirtualClock()
    const sessions = new Map<string, Session>()
    let dials = 0
    const search = new Search({
      swarm: { sessions },
      dial: async ({ key, dialled }) => {
        if (key === 'seeder') {
          sessions.set(key, session(key))
          return
        }
        dials += dialled.length
        await new Promise<void>(resolve => { clock.setTimer(50, resolve) })
        throw new Error('closed while reading 0/1')
      },
      ...usual(clock)
    })
    const addrs = Array.from({ length: 8 }, (_, i) => `/ip4/10.0.0.${i}/tcp/9`)
    for (let second = 0; second < 30; second++) {
      for (let i = 0; i < 20; i++) search.add({ peerId: `fake${second}-${i}`, addrs, isHint: false, teller: 'liar' })
      if (second === 20) search.add({ peerId: 'seeder', addrs: ['/ip4/10.0.1.1/tcp/1'], isHint: false, teller: 'honest' })
      await pass(clock, 1000)
      if (second === 20) expect(sessions.size).toBe(1)
    }
    expect(dials / addrs.length).toBeGreaterThan(3)
    expect(dials / addrs.length).toBeLessThan(12)
    search.stop()
  })

  it('dials a hint whose host and port others were said to have', async () => {
    const clock = new VirtualClock()
    const dialled: string[] = []
    const search = new Search({
      swarm: { sessions: new Map() },
      dial: async ({ key }) => {
        dialled.push(key)
        throw new Error('connect ECONNREFUSED')
      },
      ...usual(clock)
    })
    const addrs = ['/ip4/10.0.0.1/tcp/9']
    for (let i = 0; i < 32; i++) search.add({ peerId: `fake${i}`, addrs, isHint: false, teller: 'liar' })
    await pass(clock, 1000)
    search.add({ peerId: 'hint', addrs, isHint: true })
    await pass(clock, 200)
    expect(dialled.at(-1)).toBe('hint')
    search.stop()
  })

  it('does not dial a peer without room as often as one that was lost', async () => {
    const clock = new VirtualClock()
    const dialledAt: number[] = []
    const search: Search = new Search({
      swarm: { sessions: new Map() },
      // It answers Hello, and then says that it is full.
      dial: async ({ key }) => {
        dialledAt.push(clock.now())
        clock.setTimer(10, () => { search.onSessionEnd(session(key), byeError(ByeReason.full, key)) })
      },
      ...usual(clock)
    })
    search.add({ peerId: 'full', addrs: ['somewhere'], isHint: true })
    await pass(clock, 60_000)
    expect(dialledAt.length).toBeLessThan(12)
    expect(search.report().map(({ name, trouble }) => [name, trouble.kind])).toEqual([['somewhere', 'full']])
    search.stop()
  })
})

/** What most searches here have in common. */
function usual (clock: VirtualClock): Pick<SearchParts, 'ourId' | 'refusedForMs' | 'clock' | 'random' | 'signal'> {
  return { ourId: 'us', refusedForMs: () => 0, clock, random: () => 0.5, signal: new AbortController().signal }
}

/** A search that reaches everybody at once; each then gave last at that time, by default when it was reached. */
function reaching (clock: VirtualClock, gaveAt?: number): { sessions: Map<string, Session>, search: Search } {
  const sessions = new Map<string, Session>()
  const search = new Search({
    swarm: { sessions },
    dial: async ({ key }) => { sessions.set(key, session(key, gaveAt ?? clock.now())) },
    ...usual(clock)
  })
  return { sessions, search }
}

/** One that gives all the time, or gave last at that time. */
function session (peerId: string, gaveAt = Infinity, isOutbound = true): Session {
  const [control] = MemoryChannel.pair(new VirtualClock())
  const made = new Session({ peerId, isOutbound, control, clock: new VirtualClock() })
  made.exchange.gaveAt = gaveAt
  return made
}
