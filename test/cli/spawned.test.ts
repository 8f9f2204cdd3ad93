// The built command line in a process of its own: what only a process can show.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { tempFolder } from '../files/temp-folder.ts'

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

  it.skipIf(!existsSync('/dev/full'))('says that its output cannot be written, on Linux', async () => {
    const full = openSync('/dev/full', 'w')
    const state = await tempFolder()
    const child = spawn(process.execPath, [`${project}dist/src/cli/main.js`, 'ls', '--state', state], { stdio: ['ignore', full, 'pipe'] })
    closeSync(full)
    let stderr = ''
    child.stderr?.on('data', (data: Buffer) => { stderr += data.toString() })
    const code = await new Promise<number | null>(resolve => { child.once('close', resolve) })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^modelswarm: Cannot write to standard output: ENOSPC[^\n]*\n$/)
  })

  it.each([[[]], [['frobnicate']], [['pull', 'x']], [['pull', '--json']]])('%j exits 2 with one line', async args => {
    const { code, stdout, stderr } = await modelswarm(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^modelswarm: [^\n]+\n$/)
  })

  it('share serves on while other commands use its state folder', async () => {
    const [state, model, out] = [await tempFolder(), await tempFolder(), await tempFolder()]
    await writeFile(join(model, 'weights.bin'), Buffer.alloc(300_000, 7))
    const share = spawn(process.execPath, [
      `${project}dist/src/cli/main.js`, 'share', model, '--state', state, '--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns'
    ], { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    const ready = new Promise<void>((resolve, reject) => {
      // The last that it says at the start comes after it has looked at its own state folder a second time.
      share.stdout.on('data', (data: Buffer) => {
        said += data.toString()
        if (said.includes('only this machine can reach it')) resolve()
      })
      share.once('close', () => { reject(new Error(`share ended: ${said}`)) })
    })
    share.stderr.on('data', (data: Buffer) => { said += data.toString() })
    const closed = new Promise(resolve => { share.once('close', resolve) })
    try {
      await ready
      for (let i = 0; i < 2; i++) expect(await modelswarm('ls', '--state', state)).toMatchObject({ code: 0, stderr: '' })
      const link = /modelswarm:\S+/.exec(said)?.[0] ?? ''
      const args = ['--no-mdns', '--listen', '/ip4/127.0.0.1/tcp/0']
      expect(await modelswarm('pull', link, '--out', join(out, 'a'), '--state', join(out, 's'), ...args)).toMatchObject({ code: 0 })
      expect(await modelswarm('pull', link, '--out', join(out, 'b'), '--state', state, ...args)).toMatchObject({ code: 0 })
      expect(said).not.toContain('note:')
    } finally {
      share.kill('SIGTERM')
      await closed
    }
  })

  it('a signal while it loads is a clean end', async () => {
    const args = ['share', `${project}LICENSE`, '--json', '--state', await tempFolder(), '--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns']
    // Says when the program is ready for the signal: it loads for some 300 ms after that.
    const watch = 'data:text/javascript,process.on("newListener",e=>{if(e==="SIGTERM")process._rawDebug("armed")})'
    const child = spawn(process.execPath, ['--import', watch, `${project}dist/src/cli/main.js`, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (data: Buffer) => { output += data.toString() })
    child.stderr.once('data', () => { child.kill('SIGTERM') })
    const code = await new Promise<number | null>(resolve => { child.once('close', resolve) })
    expect(code).toBe(0)
    expect(output).toMatch(/\{"event":"stopped","sentBytes":0\}\n$/)
  })

  it('ends with one line where no state folder can be made, and does not hang', async () => {
    const { code, stdout, stderr } = await modelswarm('ls', '--state', '/dev/null/x')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^modelswarm: [^\n]+\n$/)
  })

  it('a link that is none exits 1 with one line', async () => {
    const { code, stdout, stderr } = await modelswarm('pull', 'modelswarm:nonsense', '--out', 'nowhere', '--json')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^modelswarm: [^\n]+\n$/)
  })
})
