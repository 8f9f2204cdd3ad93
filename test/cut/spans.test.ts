import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { spansOf } from '../../src/cut/spans.ts'

describe('spansOf', () => {
  it('gives all blocks in order, one span behind the other, each as long as fits', () => {
    const anyLengths = fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 60 })
    fc.assert(fc.property(anyLengths, fc.integer({ min: 1, max: 30 }), (lengths, most) => {
      const spans = [...spansOf(lengths, most)]
      expect(spans.flatMap(span => span.lengths)).toEqual(lengths)
      let offset = 0
      for (const [i, span] of spans.entries()) {
        expect(span.offset).toBe(offset)
        expect(span.sizeBytes).toBe(span.lengths.reduce((sum, length) => sum + length, 0))
        expect(span.sizeBytes <= most || span.lengths.length === 1).toBe(true)
        const next = spans[i + 1]?.lengths[0]
        if (next !== undefined) expect(span.sizeBytes + next).toBeGreaterThan(most)
        offset += span.sizeBytes
      }
    }))
  })
})
