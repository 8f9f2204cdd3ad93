import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ADDRESS_SHARE, OFFENCE_HALF_LIFE_MS, REMEMBERED_OFFENDERS } from '../../src/defaults.ts'
import { ERROR_BLAME, ModelswarmError } from '../../src/errors.ts'
import { OFFENCE_WEIGHT, Reputation } from '../../src/swarm/reputation.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import type { ErrorCode } from '../../src/errors.ts'

const HOST = '/ip4/203.0.113.7/tcp/4001'

interface World {
  reputation: Reputation
  refused: Array<[string, number, string]>
  wait: (ms: number) => void
  fail: (peerId: string, code: ErrorCode, addr?: string) => void
}

function world (): World {
  let now = 1000
  const refused: World['refused'] = []
  const reputation = new Reputation({
    now: () => now,
    onRefused: (peerId, ms, err) => { refused.push([peerId, ms, err.code]) }
  })
  return {
    reputation,
    refused,
    wait: ms => { now += ms },
    fail: (peerId, code, addr) => { reputation.onFailure(peerId, addr, new ModelswarmError(code, 'by the test')) }
  }
}

const isCode = (code: string): code is ErrorCode => code in ERROR_BLAME
const CODES = Object.keys(ERROR_BLAME).filter(isCode)
const OFFENCES = CODES.filter(code => OFFENCE_WEIGHT[code] !== undefined)

describe('reputation', () => {
  it('refuses a peer after one offence, for one half-life or two, then no more', () => {
    for (const code of OFFENCES) {
      const { reputation, refused, wait, fail } = world()
      fail('a', code)
      const halfLives = Math.log2(OFFENCE_WEIGHT[code] ?? 0)
      expect(refused).toEqual([['a', halfLives * OFFENCE_HALF_LIFE_MS, code]])
      wait(halfLives * OFFENCE_HALF_LIFE_MS - 1)
      expect([code, reputation.isRefused('a', HOST), reputation.isRefused('b', HOST)]).toEqual([code, true, false])
      wait(2)
      expect([code, reputation.refusedForMs('a')]).toEqual([code, 0])
    }
  })

  it('blames peers for nothing but offences: not for being slow, for lies of the tree, for our disk, for strangers\' errors', () => {
    const { reputation, fail } = world()
    for (const code of CODES) if (!OFFENCES.includes(code)) for (let i = 0; i < 100; i++) fail('a', code, HOST)
    for (const err of [undefined, new Error('reset'), 'text']) reputation.onFailure('a', HOST, err)
    expect([reputation.size, reputation.isRefused('a', HOST)]).toEqual([0, false])
    expect(OFFENCES.filter(code => ERROR_BLAME[code] !== 'peer')).toEqual([])
  })

  it('tells once that a peer is refused, however much it goes on', () => {
    const { refused, fail } = world()
    for (let i = 0; i < 5; i++) fail('a', 'ERR_PROTOCOL')
    expect(refused).toHaveLength(1)
  })

  it('tolerates fresh keys behind one address up to a limit, and forgets that too', () => {
    const { reputation, wait, fail } = world()
    const most = 1 / (ADDRESS_SHARE * (OFFENCE_WEIGHT.ERR_BAD_BLOCK ?? 0))
    for (let key = 0; key < most; key++) {
      expect([key, reputation.isRefused('stranger', HOST)]).toEqual([key, false])
      fail(`key-${key}`, 'ERR_BAD_BLOCK', HOST)
    }
    expect(reputation.isRefused('stranger', HOST)).toBe(true)
    expect(reputation.isRefusedPlace('/ip4/203.0.113.7/tcp/9')).toBe(true)
    expect(reputation.isRefusedPlace('/ip4/203.0.113.8/tcp/4001')).toBe(false)
    // A peer that we dial ourselves is judged by its id.
    expect(reputation.refusedForMs('stranger')).toBe(0)
    wait(1)
    expect(reputation.isRefused('stranger', HOST)).toBe(false)
  })

  it('takes an IPv6 /64 for one address, and none for loopback or a relay', () => {
    const { reputation, fail } = world()
    for (let i = 0; i < 99; i++) {
      fail(`key-${i}`, 'ERR_BAD_BLOCK', `/ip6/2001:db8:0:1::${i.toString(16)}/tcp/1`)
      fail(`key-${i}`, 'ERR_BAD_BLOCK', '/ip4/127.0.0.1/tcp/1')
      fail(`key-${i}`, 'ERR_BAD_BLOCK', '/ip6/::1/tcp/1')
      fail(`key-${i}`, 'ERR_BAD_BLOCK', '/ip4/198.51.100.1/tcp/1/p2p/12D3KooW/p2p-circuit')
    }
    const refused = ['/ip6/2001:db8:0:1:ffff::/tcp/2', '/ip6/2001:DB8::1:0:0:0:1/tcp/2']
    const welcome = [
      '/ip6/2001:db8:0:2::1/tcp/1', '/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/1', '/ip4/198.51.100.1/tcp/1', '/dns4/x/tcp/1',
      undefined
    ]
    expect(refused.map(addr => reputation.isRefusedPlace(addr))).toEqual([true, true])
    expect(welcome.filter(addr => reputation.isRefusedPlace(addr))).toEqual([])
  })

  it('charges no private address, behind which many may be', () => {
    const { reputation, fail } = world()
    const shared = ['/ip4/172.17.0.1/tcp/1', '/ip4/10.42.0.1/tcp/1', '/ip4/192.168.1.1/tcp/1', '/ip4/100.64.0.1/tcp/1',
      '/ip4/169.254.1.1/tcp/1', '/ip6/fd00::1/tcp/1', '/ip6/fe80::1/tcp/1', '/ip6/::ffff:10.0.0.1/tcp/1',
      '/ip6/::ffff:a00:1/tcp/1', '/ip6/::ffff:7f00:1/tcp/1']
    for (const addr of shared) for (let i = 0; i < 99; i++) fail(`key-${i}`, 'ERR_BAD_BLOCK', addr)
    expect(shared.filter(addr => reputation.isRefusedPlace(addr))).toEqual([])
  })

  it('takes an IPv4 address in IPv6 clothes for what it is, however it is written', () => {
    const { reputation, fail } = world()
    for (let i = 0; i < 99; i++) fail(`key-${i}`, 'ERR_BAD_BLOCK', '/ip6/::ffff:102:304/tcp/1')
    const same = ['/ip4/1.2.3.4/tcp/1', '/ip6/::ffff:1.2.3.4/tcp/1', '/ip6/0:0:0:0:0:FFFF:0102:0304/tcp/1']
    const others = ['/ip4/1.2.3.5/tcp/1', '/ip6/::ffff:102:305/tcp/1', '/ip6/::1/tcp/1', '/ip6/2001:db8::1/tcp/1']
    expect(same.filter(addr => !reputation.isRefusedPlace(addr))).toEqual([])
    expect(others.filter(addr => reputation.isRefusedPlace(addr))).toEqual([])
  })

  it('takes an address behind a NAT64 for the IPv4 address it is, not for all of them', () => {
    const { reputation, fail } = world()
    for (let i = 0; i < 99; i++) fail(`key-${i}`, 'ERR_BAD_BLOCK', '/ip6/64:ff9b::102:304/tcp/1')
    const places = ['/ip4/1.2.3.4/tcp/1', '/ip6/64:ff9b::1.2.3.4/tcp/1', '/ip6/64:ff9b::102:305/tcp/1']
    expect(places.map(addr => reputation.isRefusedPlace(addr))).toEqual([true, true, false])
  })

  it('trusts strangers with less at once after floods from their address, a private one too, and forgets that', () => {
    const { reputation, wait, fail } = world()
    const { messageBurst, messageBurstLeast } = WIRE_LIMITS
    const here = '/ip4/192.168.1.1/tcp/1'
    fail('a', 'ERR_PROTOCOL', here)
    fail('a', 'ERR_FLOOD')
    fail('a', 'ERR_FLOOD', '/dns4/x/tcp/1')
    expect([here, undefined, '/dns4/x/tcp/1'].map(addr => reputation.burstFor(addr))).toEqual(Array(3).fill(messageBurst))
    fail('a', 'ERR_FLOOD', here)
    fail('b', 'ERR_FLOOD', here)
    expect(reputation.burstFor('/ip4/192.168.1.1/tcp/9')).toBe(messageBurst / 4)
    expect(reputation.burstFor('/ip4/192.168.1.2/tcp/1')).toBe(messageBurst)
    for (let key = 0; key < 100; key++) fail(`key-${key}`, 'ERR_FLOOD', here)
    expect(reputation.burstFor(here)).toBe(messageBurstLeast)
    wait(20 * OFFENCE_HALF_LIFE_MS)
    expect(reputation.burstFor(here)).toBeGreaterThan(0.99 * messageBurst)
  })

  it('remembers so many, and forgets who has been quiet longest', () => {
    const { reputation, wait, fail } = world()
    fail('regular', 'ERR_BAD_BLOCK')
    for (let i = 0; i < 2 * REMEMBERED_OFFENDERS; i++) {
      wait(1)
      fail(`key-${i}`, 'ERR_PROTOCOL', `/ip4/203.0.${i >> 8}.${i & 255}/tcp/1`)
      if (i % 1000 === 0) fail('regular', 'ERR_PROTOCOL')
    }
    expect(reputation.size).toBe(2 * REMEMBERED_OFFENDERS)
    const last = 2 * REMEMBERED_OFFENDERS - 1
    expect(['regular', 'key-0', `key-${last}`].map(peerId => reputation.refusedForMs(peerId) > 0)).toEqual([true, false, true])
    wait(20 * OFFENCE_HALF_LIFE_MS)
    fail('regular', 'ERR_PROTOCOL')
    expect(reputation.size).toBeLessThan(REMEMBERED_OFFENDERS + 2)
  })

  it('never refuses longer than the offences add up to, nor shorter for one more offence', () => {
    const step = fc.record({ code: fc.constantFrom(...OFFENCES), waitMs: fc.nat(OFFENCE_HALF_LIFE_MS) })
    fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), steps => {
      const { reputation, wait, fail } = world()
      let weights = 0
      for (const { code, waitMs } of steps) {
        wait(waitMs)
        const before = reputation.refusedForMs('a')
        fail('a', code)
        weights += OFFENCE_WEIGHT[code] ?? 0
        const after = reputation.refusedForMs('a')
        expect(after).toBeGreaterThan(before)
        expect(after).toBeLessThanOrEqual(Math.log2(weights) * OFFENCE_HALF_LIFE_MS + 1)
      }
      wait(reputation.refusedForMs('a') + 1)
      expect(reputation.refusedForMs('a')).toBe(0)
    }))
  })
})
