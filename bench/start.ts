import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median, MIB } from './bench.ts'
import { numberOf, textOf } from './child.ts'
import type { StdioOptions } from 'node:child_process'
import type { BenchOptions, BenchResult, Values } from './bench.ts'
import type { Child } from './child.ts'

const CLI = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))
const HERE = ['--listen', '/ip4/127.0.0.1/tcp/0']
const PEERS = 8
const TINY_BYTES = 64 * 1024
/** After a pull both ends still close streams and forget: that belongs to it. */
const SETTLE_MS = 60
/** What a process took so far, said on a pipe of its own when it ends. */
const TELL_CPU = 'data:text/javascript,import fs from "node:fs";' +
  'process.on("exit",()=>fs.writeSync(3,JSON.stringify(process.cpuUsage())))'

/**
 * What a process that has just begun spends, in CPU: the command line on its start and on one pull, and a node on its
 * first connections, each with a pull of one block, while nobody has compiled the code yet. The baseline is Node alone.
 */
export async function start (options: BenchOptions): Promise<BenchResult> {
  const { workspace, runs, sizeBytes, note } = options
  const model = await workspace.model(sizeBytes)
  const work = await workspace.ramFolder((runs + 1) * sizeBytes + 64 * MIB)
  const commands = new Map<string, number[]>()
  const take = (name: string, ms: number): void => { commands.set(name, [...commands.get(name) ?? [], ms]) }
  const dialled: number[][] = []
  const accepted: number[][] = []
  for (let run = 1; run <= runs; run++) {
    note(`run ${run} of ${runs}`)
    const folder = join(work, String(run))
    take('node -e 0', await cpuMsOf(['-e', '0']))
    take('modelswarm ls', await cpuMsOf([CLI, 'ls', '--state', join(folder, 'ls')]))
    const name = `modelswarm pull of ${(model.bytes / MIB).toFixed(0)} MiB`
    take(name, await onePull({ path: model.path, folder, signal: options.signal }))
    const ends = await connections(options, folder)
    dialled.push(ends.dialled)
    accepted.push(ends.accepted)
  }
  const turns = Array.from({ length: PEERS }, (_, i) => i)
  const row = (name: string, samples: readonly number[][]): Values => ({
    name, ...Object.fromEntries(turns.map(i => [String(i), median(samples.map(one => one[i] ?? NaN))]))
  })
  return {
    tables: [
      {
        title: `processes of the command line, medians of ${runs}`,
        columns: [{ key: 'name', title: 'process' }, { key: 'cpuMs', title: 'CPU ms', digits: 0 }],
        rows: [...commands].map(([name, samples]) => ({ name, cpuMs: median(samples) }))
      },
      {
        title: `CPU ms of a fresh node for its connections in turn, a pull of one block each, medians of ${runs}`,
        columns: [
          { key: 'name', title: 'the end that' },
          ...turns.map(i => ({ key: String(i), title: String(i + 1), digits: 0 }))
        ],
        rows: [row('accepts and gives', accepted), row('dials and pulls', dialled)]
      }
    ],
    verdicts: []
  }
}

/** CPU ms of a process of Node from its start to its end. */
async function cpuMsOf (args: readonly string[]): Promise<number> {
  const stdio: StdioOptions = ['ignore', 'ignore', 'inherit', 'pipe']
  const child = spawn(process.execPath, ['--import', TELL_CPU, ...args], { stdio })
  let told = ''
  child.stdio[3]?.on('data', (data: Buffer) => { told += data.toString() })
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const usage: unknown = code === 0 ? JSON.parse(told) : undefined
  if (typeof usage !== 'object' || usage === null || !('user' in usage) || !('system' in usage)) {
    throw new Error(`${args.slice(0, 2).join(' ')} ended with ${code}`)
  }
  return (Number(usage.user) + Number(usage.system)) / 1000
}

/** A seeder and a puller, both fresh; CPU ms of the puller. */
async function onePull (
  { path, folder, signal }: { path: string, folder: string, signal: AbortSignal }
): Promise<number> {
  const seeder = spawn(process.execPath, [CLI, 'share', path, '--json', '--state', join(folder, 'seeder'), ...HERE],
    { stdio: ['ignore', 'pipe', 'inherit'], signal })
  const ended = new Promise<void>(resolve => { seeder.once('close', () => { resolve() }) })
  try {
    const link = await new Promise<string>((resolve, reject) => {
      let said = ''
      seeder.stdout.on('data', (data: Buffer) => {
        const [found] = /modelswarm:[^"]+(?=")/.exec(said += data.toString()) ?? []
        if (found !== undefined) resolve(found)
      })
      ended.then(() => { reject(new Error('The seeder ended')) }, reject)
    })
    const target = ['--out', join(folder, 'out'), '--state', join(folder, 'puller')]
    return await cpuMsOf([CLI, 'pull', link, ...target, ...HERE, '--linger', '0', '--quiet'])
  } finally {
    seeder.kill('SIGTERM')
    await ended
  }
}

/** One fresh node pulls from eight peers in turn, and eight peers pull in turn from another fresh one. */
async function connections (options: BenchOptions, folder: string): Promise<{ dialled: number[], accepted: number[] }> {
  const nodes = await Promise.all(Array.from({ length: PEERS + 2 }, async (_, i) => {
    const state = join(folder, `node-${i}`)
    const child = options.start('node')
    await child.ask('start', { state })
    await writeFile(`${state}.bin`, randomBytes(TINY_BYTES))
    return { child, link: textOf(await child.ask('publish', { path: `${state}.bin` }), 'link'), out: `${state}-out` }
  }))
  const [dialler, giver, ...peers] = nodes
  if (dialler === undefined || giver === undefined) throw new Error('No nodes')
  const dialled: number[] = []
  const accepted: number[] = []
  for (const peer of peers) {
    dialled.push(await cpuMsDuring(dialler.child, async () => {
      await dialler.child.ask('pull', { link: peer.link, out: dialler.out + dialled.length })
    }))
    accepted.push(await cpuMsDuring(giver.child, async () => {
      await peer.child.ask('pull', { link: giver.link, out: peer.out })
    }))
  }
  await Promise.all(nodes.map(async ({ child }) => { await child.stop() }))
  return { dialled, accepted }
}

async function cpuMsDuring (child: Child, act: () => Promise<void>): Promise<number> {
  await child.ask('mark')
  await act()
  await new Promise(resolve => { setTimeout(resolve, SETTLE_MS) })
  return numberOf(await child.ask('usage'), 'cpuSeconds') * 1000
}
