import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shownText } from '../../src/model/shown-text.ts'

describe('shownText', () => {
  it('leaves short plain text alone and the middle out of long text', () => {
    expect(shownText('llama é 模型')).toBe('llama é 模型')
    expect(shownText('abcdefghij', 5)).toBe('ab…ij')
    expect(shownText('x'.repeat(1e6))).toHaveLength(60)
  })

  it('escapes what could play tricks on a terminal', () => {
    expect(shownText('a\nb')).toBe('a\\u{a}b')
    expect(shownText('\u202egpj')).toBe('\\u{202e}gpj')
  })

  it('is always short, on one line and printable', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), text => {
      const shown = shownText(text)
      expect(shown.length).toBeLessThanOrEqual(60)
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }))
  })
})
