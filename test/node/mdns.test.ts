import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ChildProcess } from 'node:child_process'

// Multicast stays inside two network namespaces of this test's own, joined by a veth pair.

const cli = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
const names = [`msa${process.pid}`, `msb${process.pid}`] as const
const ip = (...args: string[]): void => { execFileSync('ip', args, { stdio: 'ignore' }) }

function whyNot (): string | undefined {
  if (!existsSync(cli)) return 'dist is not built'
  try {
    ip('netns', 'add', `${names[0]}x`)
    ip('netns', 'del', `${names[0]}x`)
  } catch {
    // No iproute2, no right to use it, or no namespaces in this kernel: each means the same here.
    return 'network namespaces cannot be made here (root and iproute2 are needed)'
  }
  return undefined
}

const reason = whyNot()
const running: ChildProcess[] = []

function start (namespace: string, args: string[]): { child: ChildProcess, event: (name: string) => Promise<string> } {
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, cli, ...args, '--json'],
    { stdio: ['ignore', 'pipe', 'inherit'] })
  running.push(child)
  const lines: string[] = []
  const waiting: Array<() => void> = []
  if (child.stdout === null) throw new Error('No output')
  createInterface(child.stdout).on('line', line => {
    lines.push(line)
    for (const wake of waiting.splice(0)) wake()
  })
  const event = async (name: string): Promise<string> => {
    for (;;) {
      const found = lines.find(line => line.includes(`"event":"${name}"`))
      if (found !== undefined) return found
      await new Promise<void>(resolve => { waiting.push(resolve) })
    }
  }
  return { child, event }
}

describe.skipIf(reason !== undefined)(`a swarm on a local network${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  let folder = ''

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'modelswarm-mdns-'))
    const [a, b] = names
    ip('netns', 'add', a)
    ip('netns', 'add', b)
    ip('link', 'add', `${a}v`, 'netns', a, 'type', 'veth', 'peer', 'name', `${b}v`, 'netns', b)
    for (const [i, name] of names.entries()) {
      ip('-n', name, 'addr', 'add', `10.99.0.${i + 1}/24`, 'dev', `${name}v`)
      ip('-n', name, 'link', 'set', `${name}v`, 'up')
      ip('-n', name, 'link', 'set', 'lo', 'up')
      ip('-n', name, 'route', 'add', 'default', 'dev', `${name}v`)
    }
  })

  afterAll(async () => {
    for (const child of running) if (child.exitCode === null) child.kill('SIGKILL')
    for (const name of names) ip('netns', 'del', name)
    await rm(folder, { recursive: true, force: true })
  })

  it('is found without any hint, by the root alone', async () => {
    await writeFile(join(folder, 'weights.bin'), Buffer.alloc(300_000, 7))
    const sharing = start(names[0], ['share', join(folder, 'weights.bin'), '--state', join(folder, 'a')])
    const { root }: { root: string } = JSON.parse(await sharing.event('ready'))
    const out = join(folder, 'out')
    const pulling = start(names[1], ['pull', root, '--out', out, '--state', join(folder, 'b'), '--linger', '0'])
    await pulling.event('done')
    await once(pulling.child, 'exit')
    expect(await readFile(join(out, 'weights.bin'))).toEqual(Buffer.alloc(300_000, 7))
    sharing.child.kill('SIGTERM')
    await once(sharing.child, 'exit')
  })
})
