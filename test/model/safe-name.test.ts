import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkNames } from '../../src/model/safe-name.ts'

function check (...paths: string[]): void {
  checkNames({ files: paths.map(path => ({ path })), emptyFolders: [] })
}

const unsafe = expect.objectContaining({ code: 'ERR_UNSAFE_NAME' })

describe('checkNames', () => {
  it('takes ordinary names, dot files and all scripts', () => {
    check('a', 'b/c.safetensors', '.gitattributes', '.config/x', 'a b', 'console.log', 'COM', 'com10', 'nulls', '模型/é.bin', '...a', '~', 'ab:c', '-x')
    checkNames({ files: [], emptyFolders: ['', 'a/b', 'a/c'] })
  })

  it('refuses names that leave the folder or mean something else', () => {
    for (const path of ['', '.', '..', 'a/../b', '../a', 'a/.', '/a', 'a//b', 'a/', 'a\\b', '\\\\host\\x', 'C:', 'c:x', 'x/D:y',
      'a\0', 'a\n', 'a\x7f', 'a\x85', 'a.', 'a ', 'a./b', 'a /b', '\ud800', 'a\ufffd']) {
      expect(() => check(path), JSON.stringify(path)).toThrow(unsafe)
    }
  })

  it('refuses device names of Windows with any extension', () => {
    for (const path of ['CON', 'con', 'Nul.txt', 'aux.tar.gz', 'PRN', 'COM1', 'lpt9.bin', 'com0', 'COM¹', 'x/LPT³.y', 'CONIN$', 'conout$', 'nul .txt', 'ＣＯＮ']) {
      expect(() => check(path), path).toThrow(unsafe)
    }
  })

  it('refuses our own names', () => {
    for (const path of ['.modelswarm', '.ModelSwarm/x', 'a.modelswarm-part', 'x/A.MODELSWARM-PART', '.modelswarm-part']) {
      expect(() => check(path), path).toThrow(unsafe)
    }
  })

  it('leaves room for the part suffix and bounds whole paths', () => {
    check('a'.repeat(239), 'é'.repeat(119))
    for (const path of ['a'.repeat(240), 'é'.repeat(120), 'x/'.repeat(512) + 'y']) expect(() => check(path)).toThrow(unsafe)
    check('x/'.repeat(511) + 'yz')
  })

  it('refuses siblings that fall together by case or Unicode form, at any level', () => {
    for (const [a, b] of [['A', 'a'], ['é', 'e\u0301'], ['ﬁ', 'fi'], ['x/A/y', 'x/a/z'], ['straße', 'STRASSE'], ['K', '\u212a'], ['Σ', 'ς']]) {
      expect(() => check(a ?? '', b ?? ''), `${a} ${b}`).toThrow(unsafe)
    }
    check('x/a', 'y/A', 'a/b', 'a/c')
    expect(() => checkNames({ files: [{ path: 'A/b' }], emptyFolders: ['a'] })).toThrow(unsafe)
  })

  it('refuses a path that is a file and a folder, or a file twice', () => {
    expect(() => check('a', 'a/b')).toThrow(unsafe)
    expect(() => check('a/b', 'a')).toThrow(unsafe)
    expect(() => check('a', 'a')).toThrow(unsafe)
    expect(() => checkNames({ files: [{ path: 'a' }], emptyFolders: ['a'] })).toThrow(unsafe)
  })

  it('names the path, shortened and on one line', () => {
    const path = `${'long/'.repeat(40)}evil\nname`
    expect(() => check(path)).toThrow(/^[^\n]{0,250}$/)
    expect(() => check('x\n')).toThrow(/"x\\u\{a\}"/)
  })

  it('throws nothing but its error for garbage', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 12 }), { maxLength: 6 }), paths => {
      try {
        check(...paths)
        for (const path of paths) expect(path).not.toMatch(/(^|\/)\.{0,2}(\/|$)|[\\\0]/)
      } catch (err) {
        expect(err).toEqual(unsafe)
      }
    }))
  })
})
