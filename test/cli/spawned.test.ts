// The built command line in a process of its own: what only a process can show.
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const project = fileURLToPath(new URL('../..', import.meta.url))

interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

async function modelswarm (...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [`${project}dist/src/cli/main.js`, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data: Buffer) => { stdout += data.toString() })
  child.stderr.on('data', (data: Buffer) => { stderr += data.toString() })
  const code = await new Promise<number | null>(resolve => { child.once('close', resolve) })
  return { code, stdout, stderr }
}

describe('the built command line', () => {
  it('knows its version', async () => {
    const { version } = JSON.parse(await readFile(`${project}package.json`, 'utf8'))
    expect(await modelswarm('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  it('helps', async () => {
    const { code, stdout, stderr } = await modelswarm('--help')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const command of ['share', 'pull', 'inspect', 'verify', 'ls', 'rm']) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'))
  })

  it.each([[[]], [['frobnicate']], [['pull', 'x']], [['pull', '--json']]])('%j exits 2 with one line', async args => {
    const { code, stdout, stderr } = await modelswarm(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^modelswarm: [^\n]+\n$/)
  })

  it('a link that is none exits 1 with one line', async () => {
    const { code, stdout, stderr } = await modelswarm('pull', 'modelswarm:nonsense', '--out', 'nowhere', '--json')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^modelswarm: [^\n]+\n$/)
  })
})
