import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ERROR_BLAME, ModelswarmError, isModelswarmError, systemCode } from '../src/errors.ts'

const SRC = fileURLToPath(new URL('../src', import.meta.url))
const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.ts') && path !== 'errors.ts')
  .map(path => ({ path, text: readFileSync(join(SRC, path), 'utf8') }))

describe('error codes', () => {
  it('are all raised somewhere outside the command line', () => {
    const raised = sources.filter(({ path }) => !path.startsWith('cli')).map(({ text }) => text).join('\n')
    expect(Object.keys(ERROR_BLAME).filter(code => !raised.includes(`'${code}'`))).toEqual([])
  })

  it('that are raised or asked for all exist', () => {
    const unknown: string[] = []
    for (const { path, text } of sources) {
      for (const [, codes = ''] of text.matchAll(/(?:new ModelswarmError|isModelswarmError)\(([^)]*)/g)) {
        for (const [, code = ''] of codes.matchAll(/'(ERR_\w+)'/g)) {
          if (!(code in ERROR_BLAME)) unknown.push(`${path}: ${code}`)
        }
      }
    }
    expect(unknown).toEqual([])
  })
})

describe('ModelswarmError', () => {
  it('carries code, blame, details and cause', () => {
    const cause = new Error('below')
    const err = new ModelswarmError('ERR_BAD_BLOCK', 'A block did not match', { cause, blockId: 'bafk' })
    expect(err).toMatchObject({ name: 'ModelswarmError', code: 'ERR_BAD_BLOCK', blame: 'peer', cause })
    expect(err.details.blockId).toBe('bafk')
  })

  it('is told apart from other errors, by code when asked', () => {
    const err = new ModelswarmError('ERR_DISK', 'The disk failed')
    expect(isModelswarmError(err)).toBe(true)
    expect(isModelswarmError(err, 'ERR_NO_SPACE', 'ERR_DISK')).toBe(true)
    expect(isModelswarmError(err, 'ERR_NO_SPACE')).toBe(false)
    expect(isModelswarmError(Object.assign(new Error('x'), { code: 'ERR_DISK' }))).toBe(false)
  })

  it('the code of a system error is read without trusting its shape', () => {
    expect(systemCode(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('ENOENT')
    for (const other of [new Error('x'), 'ENOENT', null, undefined, { code: 'ENOENT' }]) {
      expect(systemCode(other)).toBe(undefined)
    }
  })
})
