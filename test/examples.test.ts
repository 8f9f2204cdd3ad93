// Every example, as README says to run it. The demo too, with a small model.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const project = fileURLToPath(new URL('..', import.meta.url))
const sileroVad = join(project, '../shared/models/silero-vad')

interface Ended {
  code: number | null
  output: string
}

async function runExample (name: string, ...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [join(project, 'dist/examples', `${name}.js`), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (data: Buffer) => { output += data.toString() })
  child.stderr.on('data', (data: Buffer) => { output += data.toString() })
  const code = await new Promise<number | null>(resolve => { child.once('close', resolve) })
  return { code, output }
}

describe('examples', () => {
  it('are all run here', async () => {
    const programs = (await readdir(join(project, 'examples'))).filter(name => name.endsWith('.ts')).sort()
    const parts = ['arguments.ts', 'make-model.ts']
    expect(programs.filter(name => !parts.includes(name)))
      .toEqual(['demo.ts', 'embedded.ts', 'publish-and-pull.ts', 'run-a-model.ts', 'shared-libp2p.ts'])
  })

  it('publish-and-pull publishes and pulls', async () => {
    const { code, output } = await runExample('publish-and-pull')
    expect(output).toMatch(/pulled \d+ bytes in [\d.]+ s:\n/)
    expect(output).toContain('  model.safetensors  ')
    expect(code).toBe(0)
  })

  it('publish-and-pull says in one line that a path is not there', async () => {
    const { code, output } = await runExample('publish-and-pull', 'no-such-folder')
    expect(code).toBe(1)
    expect(output.trim().split('\n')).toHaveLength(1)
  })

  it('embedded is not ready at first, and ready when its model is there', async () => {
    const { code, output } = await runExample('embedded', '--once')
    expect(output).toMatch(/listening on http:\/\/127\.0\.0\.1:\d+, readiness 503\n/)
    expect(output).toMatch(/the model is in .*, readiness 200\n/)
    expect(code).toBe(0)
  })

  it('shared-libp2p leaves the application its node', async () => {
    const { code, output } = await runExample('shared-libp2p')
    expect(output).toMatch(/pulled \d+ bytes over the application's own node\n/)
    expect(output).toMatch(/the application's node goes on: started\n/)
    expect(code).toBe(0)
  })

  it('run-a-model really runs what it pulled', async context => {
    if (!existsSync(join(sileroVad, 'silero_vad.onnx'))) {
      context.skip('silero_vad.onnx is not in ../shared/models/silero-vad beside this checkout')
      return
    }
    const { code, output } = await runExample('run-a-model', sileroVad)
    expect(output).toMatch(/speech probability of silence: 0\.\d{3}\n/)
    expect(output).toMatch(/speech probability of a vowel: [01]\.\d{3}\n/)
    expect(code).toBe(0)
  })
})

describe('the demo', () => {
  it('moves a small model to two peers, checks it and reports', async () => {
    // so small that one peer may be done before the other has started: then two copies are right
    const { code, output } = await runExample('demo', '--size', '8MiB', '--peers', '2', '--price', '0.10')
    expect(output).toMatch(/2 of 2 peers have every byte after [\d.]+ s; 4 files checked by sha256, all the same/)
    const copies = Number(/copies +([\d.]+) +2\.00/.exec(output)?.[1])
    expect(copies).toBeGreaterThanOrEqual(1)
    expect(copies).toBeLessThan(2.1)
    expect(code).toBe(0)
  })

  it('says in one line that there is no model at a path', async () => {
    const { code, output } = await runExample('demo', '/no-such-model')
    expect({ code, output }).toEqual({ code: 1, output: 'demo: there is nothing at /no-such-model, or it may not be read\n' })
  })

  it('says in one line what is wrong with its options', async () => {
    const { code, output } = await runExample('demo', '--peers', 'many')
    expect({ code, output }).toEqual({ code: 1, output: 'demo: --peers is a number from 1 to 32\n' })
  })
})
