import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { Output, formatTable } from '../../src/cli/output.ts'
import { cutToColumns } from '../../src/cli/printable.ts'
import { Live } from '../../src/cli/progress.ts'

function collector (): { text: () => string, write: (text: string) => void } {
  let text = ''
  return { text: () => text, write: more => { text += more } }
}

describe('what goes on', () => {
  it('is a plain line now and then where there is no terminal, and not the same twice', () => {
    const stdout = collector()
    let nowMs = 0
    const live = new Live({ output: new Output(stdout, {}), now: () => nowMs })
    for (const [atMs, text] of [[0, 'one'], [1000, 'two'], [5000, 'three'], [9000, 'four'], [10_000, 'three'], [15_000, 'five']] as const) {
      nowMs = atMs
      live.show('key', () => text)
    }
    expect(stdout.text()).toBe('three\nfive\n')
  })

  it('is redrawn on a terminal, with notes above, and gone in the end', () => {
    const screen = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
    const stdout = collector()
    const live = new Live({ output: new Output(stdout, {}), screen })
    live.show('key', columns => `${columns ?? 0} wide`)
    live.note('heard something')
    live.clear()
    // One read gives everything on Node 20, a chunk on Node 26.
    let drawn = ''
    for (let chunk: unknown = screen.read(); chunk !== null; chunk = screen.read()) drawn += String(chunk)
    expect(drawn).toContain('80 wide')
    expect(drawn).toContain('note: heard something\n')
    expect(stdout.text()).toBe('')
  })

  it('takes one line of the terminal, also of characters that are two columns wide', () => {
    const name = '通义千问模型'.repeat(20)
    expect(cutToColumns(name, 80)).toBe(name.slice(0, 39))
    expect(cutToColumns('abc', 4)).toBe('abc')
    expect(cutToColumns('abcd', 4)).toBe('abc')
    const screen = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
    const live = new Live({ output: new Output(collector(), {}), screen })
    live.show('key', () => name)
    live.clear()
    let drawn = ''
    for (let chunk: unknown = screen.read(); chunk !== null; chunk = screen.read()) drawn += String(chunk)
    expect(drawn).toContain(name.slice(0, 39))
    expect(drawn).not.toContain(name.slice(0, 40))
  })

  it('is nothing with --json and with --quiet', () => {
    for (const options of [{ json: true }, { quiet: true }]) {
      const screen = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
      const stdout = collector()
      const live = new Live({ output: new Output(stdout, options), screen, now: () => 0 })
      live.show('key', () => 'text')
      live.clear()
      expect(screen.read()).toBe(null)
      expect(stdout.text()).toBe('')
    }
  })
})

describe('a table', () => {
  it('has columns as wide as their widest cell', () => {
    expect(formatTable([['A', 'SIZE'], ['long name', '1']], [1])).toEqual(['A          SIZE', 'long name     1'])
  })
})
