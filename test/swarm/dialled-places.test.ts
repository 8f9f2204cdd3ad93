import { describe, expect, it } from 'vitest'
import { REDIAL_FIRST_MS, REDIAL_MAX_MS, REMEMBERED_PLACES, VAIN_DIALS } from '../../src/defaults.ts'
import { DialledPlaces } from '../../src/swarm/dialled-places.ts'

const even = (): number => 0.5

/** When an address that never answers is dialled, if somebody always wants to. */
function dialledAt (addrs: readonly string[], untilMs: number): number[] {
  const places = new DialledPlaces()
  const times: number[] = []
  for (let now = 0; now < untilMs; now += 10) {
    const [addr] = addrs.filter(one => places.usable([one], now).length > 0)
    if (addr === undefined) continue
    places.begin([addr], now, even)
    times.push(now)
  }
  return times
}

describe('places that are dialled in vain', () => {
  it('are paused after three dials, longer and longer, whoever is said to be there', () => {
    const ids = Array.from({ length: 500 }, (_, i) => `/ip4/10.0.0.1/tcp/9/p2p/id${i}`)
    const times = dialledAt(ids, 60_000)
    const pauses = times.slice(1).map((at, i) => at - (times[i] ?? 0))
    expect(pauses.slice(0, 4)).toEqual([10, 10, REDIAL_FIRST_MS, 2 * REDIAL_FIRST_MS])
    expect(pauses.at(-1)).toBe(REDIAL_MAX_MS)
    expect(times.length).toBeLessThan(15)
  })

  it.each([
    ['/ip6/2001:db8::1/tcp/9', '/ip6/2001:db8:0:0:0:0:0:1/tcp/9'],
    ['/ip4/10.0.0.1/tcp/9', '/ip6/::ffff:10.0.0.1/tcp/9'],
    ['/dns4/Host.example/tcp/9', '/dns4/host.example/tcp/9/p2p/x']
  ])('are one however they are written: %s and %s', (one, other) => {
    const places = new DialledPlaces()
    for (let i = 0; i < VAIN_DIALS; i++) places.begin([one], 0, even)
    expect(places.usable([other, '/ip4/10.0.0.1/tcp/10'], 0)).toEqual(['/ip4/10.0.0.1/tcp/10'])
    expect(places.freeAt([other])).toBe(REDIAL_FIRST_MS)
  })

  it('begin anew when somebody is reached there, the others of that dial do not', () => {
    const places = new DialledPlaces()
    const [good, bad] = ['/ip4/10.0.0.1/tcp/1', '/ip4/10.0.0.2/tcp/2']
    for (let i = 0; i < VAIN_DIALS; i++) {
      places.begin([good, bad], 0, even)
      places.reached([good, bad], `${good}/p2p/id`)
    }
    expect(places.usable([good, bad], 0)).toEqual([good])
  })

  it('do not count what a connection that was there has spared', () => {
    const places = new DialledPlaces()
    for (let i = 0; i < 10; i++) {
      places.begin(['/ip4/10.0.0.1/tcp/1'], 0, even)
      places.reached(['/ip4/10.0.0.1/tcp/1'], '/ip4/10.0.0.1/tcp/50000')
    }
    expect([places.usable(['/ip4/10.0.0.1/tcp/1'], 0).length, places.size]).toEqual([1, 0])
  })

  it('are bounded', () => {
    const places = new DialledPlaces()
    for (let i = 0; i < REMEMBERED_PLACES + 100; i++) places.begin([`/ip4/10.0.0.1/tcp/${i}`], 0, even)
    expect(places.size).toBe(REMEMBERED_PLACES)
  })
})
