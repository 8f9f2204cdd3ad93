import { describe, expect, it } from 'vitest'
import { isUsableFrom, scopeOf } from '../../src/swarm/address-scope.ts'

describe('the scope of an address', () => {
  it.each([
    ['/ip4/127.0.0.1/tcp/1', 'loopback'],
    ['/ip4/127.9.9.9/tcp/1', 'loopback'],
    ['/ip4/0.0.0.0/tcp/1', 'loopback'],
    ['/ip6/::1/tcp/1', 'loopback'],
    ['/ip6/::ffff:127.0.0.1/tcp/1', 'loopback'],
    ['/dns4/localhost/tcp/1', 'loopback'],
    ['/ip4/169.254.1.1/tcp/1', 'linkLocal'],
    ['/ip6/fe80::1/tcp/1', 'linkLocal'],
    ['/ip4/10.1.2.3/tcp/1', 'private'],
    ['/ip4/172.16.0.1/tcp/1', 'private'],
    ['/ip4/172.31.255.255/tcp/1', 'private'],
    ['/ip4/172.32.0.1/tcp/1', 'public'],
    ['/ip4/192.168.0.1/tcp/1', 'private'],
    ['/ip4/192.169.0.1/tcp/1', 'public'],
    ['/ip4/100.64.0.1/tcp/1', 'private'],
    ['/ip4/100.128.0.1/tcp/1', 'public'],
    ['/ip6/fd00::1/tcp/1', 'private'],
    ['/ip6/::ffff:10.0.0.1/tcp/1', 'private'],
    ['/ip6/::ffff:7f00:1/tcp/1', 'loopback'],
    ['/ip6/::FFFF:a00:1/tcp/1', 'private'],
    ['/ip6/0:0:0:0:0:ffff:c0a8:0001/tcp/1', 'private'],
    ['/ip6/::ffff:a9fe:101/tcp/1', 'linkLocal'],
    ['/ip6/::ffff:c633:6407/tcp/1', 'public'],
    ['/ip6/64:ff9b::7f00:1/tcp/1', 'loopback'],
    ['/ip6/64:ff9b::10.0.0.1/tcp/1', 'private'],
    ['/ip6/64:ff9b::c633:6407/tcp/1', 'public'],
    ['/ip6/0:0:0:0:0:0:0:1/tcp/1', 'loopback'],
    ['/ip6/fe8::1/tcp/1', 'public'],
    ['/ip6zone/eth0/ip6/fe80::1/tcp/1', 'linkLocal'],
    ['/dns4/localhost.example/tcp/1', 'public'],
    ['/ip4/198.51.100.7/tcp/1', 'public'],
    ['/ip6/2001:db8::1/tcp/1', 'public'],
    ['/dns4/example.org/tcp/1', 'public']
  ])('%s is %s', (addr, scope) => { expect(scopeOf(addr)).toBe(scope) })
})

describe('an address', () => {
  const loopback = '/ip4/127.0.0.1/tcp/1'
  const home = '/ip4/192.168.1.7/tcp/1'
  it.each([
    ['a public one is usable from anywhere', '/ip4/198.51.100.7/tcp/1', home, true],
    ['loopback is usable on this machine only', loopback, home, false],
    ['everything is usable on this machine', home, loopback, true],
    ['a private one is usable in the same range', '/ip4/192.168.2.8/tcp/1', home, true],
    ['a private one is not usable in another range', '/ip4/10.0.0.8/tcp/1', home, false],
    ['a private one is not usable from outside', home, '/ip4/198.51.100.7/tcp/1', false],
    ['10/8 is one range', '/ip4/10.200.0.1/tcp/1', '/ip4/10.1.0.1/tcp/1', true],
    ['172.16/12 is one range', '/ip4/172.16.0.1/tcp/1', '/ip4/172.31.0.1/tcp/1', true],
    ['a link-local one is not usable from a private one', '/ip4/169.254.1.1/tcp/1', home, false],
    ['100.64/10 is one range', '/ip4/100.64.0.1/tcp/1', '/ip4/100.101.0.1/tcp/1', true],
    ['a mapped one is in the range of what it stands for', '/ip6/::ffff:c0a8:208/tcp/1', home, true],
    ['a mapped one is no secret told to strangers', '/ip6/::ffff:c0a8:208/tcp/1', '/ip4/198.51.100.7/tcp/1', false],
    ['a mapped loopback one is usable on this machine only', '/ip6/::ffff:7f00:1/tcp/1', home, false],
    ['zeros left out do not change an IPv6 range', '/ip6/fd00::1/tcp/1', '/ip6/fd00:0:0:3::2/tcp/1', true],
    ['IPv6 ranges are of 48 bits', '/ip6/fd00:1:2:3::1/tcp/1', '/ip6/fd00:1:2:4::1/tcp/1', true],
    ['IPv6 ranges differ beyond that', '/ip6/fd00:1:2:3::1/tcp/1', '/ip6/fd00:1:9:3::1/tcp/1', false]
  ])('%s', (_, addr, from, isUsable) => { expect(isUsableFrom(addr, from)).toBe(isUsable) })
})
