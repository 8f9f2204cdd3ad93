import { describe, expect, it, vi } from 'vitest'
import { ModelswarmError } from '../../src/errors.ts'
import { byeError } from '../../src/swarm/bye-error.ts'
import { Search } from '../../src/swarm/search.ts'
import { troubleOf } from '../../src/swarm/trouble.ts'
import { ByeReason } from '../../src/wire/protocol.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { MemoryNode, dial, memoryModel, pass } from './memory-node.ts'

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
      ourId: 'us',
      swarm: { sessions: new Map() },
      dial: async candidate => {
        if (candidate.addrs[0] === 'mute') return await new Promise(() => {})
        dialledAt.push(clock.now())
        throw new Error('connect ECONNREFUSED')
      },
      refusedForMs: () => 0,
      clock,
      random: () => 0.5,
      signal: new AbortController().signal
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
      ourId: 'us',
      swarm: { sessions: new Map() },
      dial: async candidate => {
        if (candidate.addrs[0] === '/first') candidate.peerId = 'one'
        throw new Error('connect ECONNREFUSED')
      },
      refusedForMs: () => 0,
      clock,
      random: () => 0.5,
      signal: new AbortController().signal
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
      ourId: us.id,
      swarm: us.swarm,
      dial: async candidate => {
        candidate.peerId = peer.id
        dials++
        const dialled = dial(us, peer)
        await new Promise<void>(resolve => { clock.setTimer(50, resolve) })
        expect([dialled.isOver, dialled.error]).toEqual([true, undefined])
      },
      refusedForMs: () => 0,
      clock,
      random: () => 0.5,
      signal: new AbortController().signal
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
})
