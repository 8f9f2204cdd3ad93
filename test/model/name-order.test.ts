import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareNames, comparePaths } from '../../src/model/name-order.ts'

describe('compareNames', () => {
  it('orders by UTF-8 bytes', () => {
    const name = fc.array(fc.constantFrom('a', 'b', 'é', '\uffe0', '\ue000', '\ud7ff', '\u{10000}', '\u{1f600}')).map(parts => parts.join(''))
    fc.assert(fc.property(name, name, (a, b) => {
      expect(Math.sign(compareNames(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }))
  })
})

describe('comparePaths', () => {
  it('puts what is in a folder where its name sorts', () => {
    const paths = ['a.b', 'a/z', 'a-b', 'b', 'a/b/c', 'a/b-c']
    expect(paths.toSorted(comparePaths)).toEqual(['a/b/c', 'a/b-c', 'a/z', 'a-b', 'a.b', 'b'])
    expect(comparePaths('x/y', 'x/y')).toBe(0)
  })
})
