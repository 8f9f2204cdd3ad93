import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bitfield } from '../../src/model/bitfield.ts'

const fields = fc.integer({ min: 0, max: 300 }).chain(length =>
  fc.tuple(fc.constant(length), fc.uniqueArray(fc.nat(Math.max(0, length - 1)), { maxLength: length })))

function fieldOf (length: number, indexes: number[]): Bitfield {
  const field = new Bitfield(length)
  for (const index of indexes) field.add(index)
  return field
}

describe('Bitfield', () => {
  it('counts, lists and finds what was added, and survives bytes', () => {
    fc.assert(fc.property(fields, ([length, indexes]) => {
      const field = fieldOf(length, indexes)
      const sorted = indexes.toSorted((a, b) => a - b)
      for (const some of [field, Bitfield.fromBytes(field.toBytes(), length)]) {
        expect([...some.indexes()]).toEqual(sorted)
        expect(some.count).toBe(indexes.length)
        expect(some.isFull).toBe(indexes.length === length)
        for (const index of indexes) expect(some.has(index)).toBe(true)
      }
    }))
  })

  it('takes bits out again', () => {
    fc.assert(fc.property(fields, ([length, indexes]) => {
      const field = fieldOf(length, indexes)
      for (const index of indexes) {
        expect(field.add(index)).toBe(false)
        expect(field.delete(index)).toBe(true)
        expect(field.delete(index)).toBe(false)
      }
      expect(field.count).toBe(0)
      expect(field.toBytes().every(byte => byte === 0)).toBe(true)
    }))
  })

  it('counts and takes out what another has, as bit by bit', () => {
    const pairs = fc.integer({ min: 0, max: 300 }).chain(length => {
      const indexes = fc.uniqueArray(fc.nat(Math.max(0, length - 1)), { maxLength: length })
      return fc.tuple(fc.constant(length), indexes, indexes, fc.boolean())
    })
    fc.assert(fc.property(pairs, ([length, ours, theirs, isFull]) => {
      const [field, other] = [fieldOf(length, ours), fieldOf(length, theirs)]
      if (isFull) other.fill()
      const both = ours.filter(index => other.has(index))
      const rest = field.without(other)
      expect(field.countBoth(other)).toBe(both.length)
      expect(other.countBoth(field)).toBe(both.length)
      expect([...field.indexes()]).toEqual(ours.toSorted((a, b) => a - b))
      field.deleteAll(other)
      for (const some of [rest, field]) {
        expect([...some.indexes()]).toEqual(ours.filter(index => !other.has(index)).toSorted((a, b) => a - b))
        expect(some.count).toBe(ours.length - both.length)
      }
    }))
    expect(() => new Bitfield(8).countBoth(new Bitfield(9))).toThrow(RangeError)
    expect(() => { new Bitfield(8).deleteAll(new Bitfield(9)) }).toThrow(RangeError)
    expect(() => new Bitfield(8).without(new Bitfield(9))).toThrow(RangeError)
  })

  it('is full when filled, with pad bits zero', () => {
    for (const length of [0, 1, 7, 8, 9, 31, 32, 33, 64, 65, 300]) {
      const field = new Bitfield(length)
      field.fill()
      expect(field.isFull).toBe(true)
      expect([...field.indexes()]).toHaveLength(length)
      expect(Bitfield.fromBytes(field.toBytes(), length).count).toBe(length)
    }
  })

  it('refuses a set pad bit, another length, and indexes out of range', () => {
    const lengths = fc.integer({ min: 1, max: 99 }).filter(length => length % 8 !== 0)
    fc.assert(fc.property(lengths, fc.nat(7), (length, bit) => {
      const bytes = new Uint8Array(Math.ceil(length / 8))
      bytes[bytes.length - 1] = 1 << bit
      if (bit >= length % 8) expect(() => Bitfield.fromBytes(bytes, length)).toThrow(RangeError)
      else expect(Bitfield.fromBytes(bytes, length).count).toBe(1)
    }))
    expect(() => Bitfield.fromBytes(new Uint8Array(2), 8)).toThrow(RangeError)
    expect(() => Bitfield.fromBytes(new Uint8Array(0), 8)).toThrow(RangeError)
    const field = new Bitfield(8)
    for (const index of [-1, 8, NaN]) expect(() => field.has(index)).toThrow(RangeError)
  })

  it('has the lowest bit first in its bytes', () => {
    expect([...fieldOf(10, [0, 9]).toBytes()]).toEqual([1, 2])
  })
})
