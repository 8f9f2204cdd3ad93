import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'
import { cidOfDigest, DAG_PB_CODEC, digestOfCid, SHA2_256 } from '../../src/model/block-id.ts'
import { formatLink, parseLink } from '../../src/model/link.ts'
import { sha256 } from './tree-fixtures.ts'
import type { Link } from '../../src/model/link.ts'

const root = cidOfDigest(sha256(Uint8Array.from([1])), DAG_PB_CODEC)
const other = cidOfDigest(sha256(Uint8Array.from([2])), DAG_PB_CODEC)
const peer = '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'
const peer2 = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'
const badLink = expect.objectContaining({ code: 'ERR_BAD_LINK' })

function v0Of (cid: CID): CID {
  return CID.createV0(Digest.create(SHA2_256, digestOfCid(cid)))
}

function plain (link: Link): unknown {
  return { ...link, root: String(link.root), ...(link.base === undefined ? {} : { base: String(link.base) }) }
}

describe('parseLink', () => {
  it('reads a link with every hint', () => {
    const text = `modelswarm:${root},name=llama~203,at=/ip4/10.0.0.1/tcp/1,id=${peer},at=/ip4/192.0.2.1/tcp/4001,` +
      `at=/ip6/::1/tcp/5,id=${peer2},base=${other},origin=https://example.org/x,later=1,flag~=`
    expect(plain(parseLink(text))).toEqual({
      root: String(root),
      name: 'llama 3',
      peers: [
        { addrs: ['/ip4/10.0.0.1/tcp/1'] },
        { id: peer, addrs: ['/ip4/192.0.2.1/tcp/4001', '/ip6/::1/tcp/5'] },
        { id: peer2, addrs: [] }
      ],
      base: String(other),
      origins: ['https://example.org/x']
    })
  })

  it('reads a bare CID of either version and ipfs addresses', () => {
    const v0 = v0Of(root)
    for (const text of [String(root), String(root).toUpperCase(), String(v0), `ipfs://${root}`, `ipfs://${root}/`, ` modelswarm:${root}\n`, `modelswarm:${v0}`]) {
      expect(plain(parseLink(text)), text).toEqual({ root: String(root), peers: [] })
    }
  })

  it('refuses everything else in one line that shows what was seen', () => {
    for (const text of ['', 'hello', 'modelswarm:', 'modelswarm:x', `ipfs://${root}/config.json`, `ipfs://${root}?x`, 'ipfs://',
      `modelswarm:${root},`, `modelswarm:${root},name`, `modelswarm:${root},=x`, `modelswarm:${root},id=short`, `modelswarm:${root},at=host:1`,
      `modelswarm:${root},at=//x`, `modelswarm:${root},name=a b`, `modelswarm:${root},name=~2`, `modelswarm:${root},name=~FF`, `modelswarm:${root},name=~0A`,
      `modelswarm:${root},name=a,name=b`, `modelswarm:${root},base=x`, `modelswarm:${root},origin=`, `modelswarm:${root}${',at=/x'.repeat(5)}`,
      `modelswarm:${root},x=${'y'.repeat(400)}`, `Modelswarm:${root}`, 'x'.repeat(10_000), 'a\nb\x1b[31m', 'bafkqaaa']) {
      expect(() => parseLink(text), text).toThrow(badLink)
      expect(() => parseLink(text)).toThrow(/^\P{Cc}{0,300}$/u)
    }
    expect(() => parseLink(`ipfs://${root}/config.json`)).toThrow(/--include/)
  })

  it('throws nothing but ERR_BAD_LINK for garbage', () => {
    const scraps = fc.constantFrom('modelswarm:', String(root), ',', '=', 'at', 'id', 'name', '~', '~41', '/ip4', 'ipfs://', '/', '\n', 'é')
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.oneof(scraps, fc.string()), { maxLength: 12 }).map(parts => parts.join('')))
    fc.assert(fc.property(text, garbage => {
      try {
        parseLink(garbage)
      } catch (err) {
        expect(err).toEqual(badLink)
      }
    }), { numRuns: 2000 })
  })
})

describe('formatLink', () => {
  it('is undone by parseLink', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 })
    const addr = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 10 }).map(rest => `/${rest.replaceAll('/', '')}x`)
    const addrs = fc.array(addr, { maxLength: 2 })
    const link = fc.record({
      root: fc.constant(root),
      name,
      peers: fc.tuple(addr, addrs).map(([first, second]) => [{ addrs: [first] }, { id: peer, addrs: second }]),
      base: fc.constant(other),
      origins: fc.array(name, { minLength: 1, maxLength: 2 })
    }, { requiredKeys: ['root', 'name', 'peers'] })
    fc.assert(fc.property(link, value => {
      const text = formatLink(value)
      expect(text).toMatch(/^[A-Za-z0-9:._/@,=+~-]{1,400}$/)
      const back = parseLink(text)
      // the name is the first thing that goes: where it is, all is
      if (back.name !== undefined) expect(plain(back)).toEqual(plain(value))
    }))
  })

  it('drops the name, then addresses from the end, to keep to 400 characters', () => {
    const addrs = Array.from({ length: 4 }, (_, i) => `/dns4/${'h'.repeat(60)}${i}/tcp/4001`)
    const long = formatLink({ root, name: 'n'.repeat(60), peers: [{ id: peer, addrs }] })
    const back = parseLink(long)
    expect(long.length).toBeLessThanOrEqual(400)
    expect(back.name).toBeUndefined()
    expect(back.peers).toEqual([{ id: peer, addrs: addrs.slice(0, 3) }])
    const full = formatLink({ root, name: 'é'.repeat(200), peers: [], origins: Array.from({ length: 9 }, () => 'o'.repeat(99)), base: other })
    expect(parseLink(full).origins).toHaveLength(2)
    expect(String(parseLink(full).base)).toBe(String(other))
  })

  it('writes at most four addresses, those of no known peer first, and the root as version 1', () => {
    const text = formatLink({ root: v0Of(root), peers: [{ id: peer, addrs: ['/a', '/b', '/c'] }, { addrs: ['/d', '/e'] }] })
    expect(text).toBe(`modelswarm:${root},at=/d,at=/e,id=${peer},at=/a,at=/b`)
  })

  it('needs no escape for what names usually are', () => {
    expect(formatLink({ root, name: 'org/Llama-3.1_8B+q4@v2', peers: [] })).toBe(`modelswarm:${root},name=org/Llama-3.1_8B+q4@v2`)
    expect(formatLink({ root, name: 'a,b=c~d\n', peers: [] })).toBe(`modelswarm:${root},name=a~2Cb~3Dc~7Ed`)
  })
})
