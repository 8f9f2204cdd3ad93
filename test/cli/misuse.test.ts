import { describe, expect, it } from 'vitest'
import { ModelswarmError } from '../../src/errors.ts'
import { fakeNode, LINK, runCli } from './fakes.ts'

describe('misuse of the command line', () => {
  it.each([
    [[]],
    [['frobnicate']],
    [['--frobnicate']],
    [['share']],
    [['share', '']],
    [['share', 'x', '']],
    [['share', '--frobnicate', 'x']],
    [['share', 'x', '--listen']],
    [['pull']],
    [['pull', LINK]],
    [['pull', LINK, '--out']],
    [['pull', LINK, '--out', '']],
    [['pull', '', '--out', 'x']],
    [['pull', LINK, 'more', '--out', 'x']],
    [['pull', LINK, '--out', 'x', '--linger', '-1']],
    [['pull', LINK, '--out', 'x', '--linger', 'soon']],
    [['pull', LINK, '--out', 'x', '--linger', '']],
    [['pull', LINK, '--out', 'x', '--give-up', 'Infinity']],
    [['pull', LINK, '--out', 'x', '--give-up', '0']],
    [['pull', LINK, '--out', 'x', '--give-up', '0.0']],
    [['pull', LINK, '--out', 'x', '--give-up', '-1']],
    [['pull', LINK, '--out', 'x', '--give-up', 'NaN']],
    [['pull', LINK, '--out', 'x', '--linger', 'NaN']],
    [['inspect', LINK, '--give-up', '0']],
    [['pull', LINK, '--out', 'x', '--give-up', '1e999']],
    [['pull', LINK, '--out', 'x', '--state', '']],
    [['inspect']],
    [['verify', 'a', 'b']],
    [['ls', 'more']],
    [['rm']]
  ])('%j exits 2 with one line', async args => {
    const { code, stdout, stderr } = await runCli(args)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^modelswarm: [^\n]+\n$/)
  })

  it('is said in one sentence, without commander\'s full stop', async () => {
    const { stderr } = await runCli(['pull', LINK, '--out', ''])
    expect(stderr).not.toContain('.,')
    expect(stderr).toMatch(/It is empty, see modelswarm pull --help\n$/)
  })

  it('a mistyped --out is told as that, a missing one as missing', async () => {
    const mistyped = await runCli(['pull', LINK, '--ouut', 'x'])
    expect(mistyped.stderr).toBe('modelswarm: unknown option \'--ouut\' (Did you mean --out?), see modelswarm pull --help\n')
    const missing = await runCli(['pull', LINK])
    expect(missing.stderr).toBe('modelswarm: required option \'--out <dir>\' not specified, see modelswarm pull --help\n')
  })

  it.each(['--out', '--state', '--peer', '--include', '--listen', '--announce'])(
    '%s does not take the next option for its value', async option => {
      for (const args of [[option, '--json'], [`${option}=--json`]]) {
        const { code, stderr, stdout, nodeOptions } = await runCli(['pull', LINK, '--out', 'x', ...args])
        expect({ code, stdout, nodeOptions }).toEqual({ code: 2, stdout: '', nodeOptions: [] })
        expect(stderr).toMatch(new RegExp(`^modelswarm: option '${option} <\\w+>' [^\\n]*Its value is missing[^\\n]*\\n$`))
      }
    })

  it('an argument may begin with -- after --', async () => {
    const controller = new AbortController()
    controller.abort()
    expect((await runCli(['share', '--', '--model'], { controller })).code).toBe(0)
  })

  it.each([
    [['pull'], 'modelswarm pull --help'],
    [['share', '--frobnicate', 'x'], 'modelswarm share --help'],
    [['inspect', 'x', '--give-up', '0'], 'modelswarm inspect --help'],
    [['ls', 'more'], 'modelswarm ls --help'],
    [['frobnicate'], 'modelswarm --help'],
    [['help', 'frobnicate'], 'modelswarm --help'],
    [[], 'modelswarm --help']
  ])('%j points to the help of what was asked', async (args, help) => {
    expect((await runCli(args)).stderr).toMatch(new RegExp(` see ${help}\\n$`))
  })

  it('an option the library refuses exits 2, any other failure 1', async () => {
    const refuse = (code: 'ERR_BAD_OPTION' | 'ERR_LISTEN') => async () => {
      throw new ModelswarmError(code, 'Could not listen on nowhere:\n  no such thing')
    }
    const bad = await runCli(['share', 'x', '--json'], { createNode: refuse('ERR_BAD_OPTION') })
    expect(bad).toMatchObject({ code: 2, stdout: '', stderr: 'modelswarm: Could not listen on nowhere: no such thing\n' })
    expect(await runCli(['share', 'x', '--json'], { createNode: refuse('ERR_LISTEN') })).toMatchObject({ code: 1, stdout: '' })
  })

  it('an unexpected error is one line too, its stack only for those who ask', async () => {
    const node = fakeNode({ publish: async () => { throw new TypeError('x is undefined') } })
    expect(await runCli(['share', 'x'], { node })).toMatchObject({ code: 1, stderr: 'modelswarm: x is undefined\n' })
    expect((await runCli(['share', 'x'], { node, env: { MODELSWARM_DEBUG: '1' } })).stderr).toContain('    at ')
    expect(node.stops).toBe(2)
  })

  it('help and version go to standard output and exit 0', async () => {
    expect(await runCli(['--version'])).toMatchObject({ code: 0, stdout: '9.8.7\n', stderr: '' })
    for (const args of [['--help'], ['help'], ['pull', '--help'], ['help', 'share']]) {
      const { code, stdout, stderr } = await runCli(args)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toMatch(/^Usage: modelswarm/)
    }
  })

  it('help says the defaults', async () => {
    const { stdout } = await runCli(['pull', '--help'])
    expect(stdout).toMatch(/--linger <seconds>[^-]*default: 30/)
    expect(stdout).toMatch(/--give-up <seconds>[^-]*default: 60/)
    expect(stdout).toContain('$XDG_STATE_HOME/modelswarm')
  })
})
