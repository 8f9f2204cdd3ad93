// One publisher, several peers, each a process of its own, and what that saves over a central server.
//
//   npm run demo [-- PATH] [--peers 4] [--price 0.09] [--size 64MiB]
//
// Without PATH it makes a model of 64 MiB. Everything is on loopback and in a temporary folder that is removed.
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compareFiles, hashFiles } from './demo/check.ts'
import { NodeProcess, numberOf, textOf } from './demo/node-process.ts'
import { formatMib, formatReport } from './demo/report.ts'
import { createPlainScreen, createTerminalScreen } from './demo/screen.ts'
import { makeModel } from './make-model.ts'
import type { JsonEvent } from './demo/node-process.ts'
import type { PeerState } from './demo/screen.ts'

/** The whole demo ends within this, one way or the other. */
const LIMIT_MS = 120_000
const MIB = 1024 * 1024
const MAX_PEERS = 32
const CLI = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))
const LOCAL_ONLY = ['--json', '--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns']

try {
  await demo(readOptions())
} catch (err) {
  console.error(`demo: ${err instanceof Error ? err.message : 'it failed'}`)
  process.exitCode = 1
}

interface DemoOptions {
  path: string | undefined
  peers: number
  pricePerGb: number
  sizeBytes: number
}

function readOptions (): DemoOptions {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      peers: { type: 'string', default: '4' },
      price: { type: 'string', default: '0.09' },
      size: { type: 'string', default: '64MiB' }
    }
  })
  const peers = Number(values.peers)
  const pricePerGb = Number(values.price)
  const sizeMib = Number(values.size.replace(/MiB$/, ''))
  if (!Number.isInteger(peers) || peers < 1 || peers > MAX_PEERS) throw new Error(`--peers is a number from 1 to ${MAX_PEERS}`)
  if (!Number.isFinite(pricePerGb) || pricePerGb < 0) throw new Error('--price is dollars per GB, 0 or more')
  if (!Number.isFinite(sizeMib) || sizeMib < 1) throw new Error('--size is a number of MiB, 1 or more')
  return { path: positionals[0], peers, pricePerGb, sizeBytes: sizeMib * MIB }
}

async function demo (options: DemoOptions): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'modelswarm-demo-'))
  const stopping = new AbortController()
  const stop = (): void => { stopping.abort(new Error('stopped')) }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const timer = setTimeout(() => { stopping.abort(new Error(`not done after ${LIMIT_MS / 1000} s`)) }, LIMIT_MS)
  const running: NodeProcess[] = []
  try {
    await run({ options, dir, running, signal: stopping.signal })
  } finally {
    clearTimeout(timer)
    await Promise.all(running.map(async node => { await node.stop() }))
    await rm(dir, { recursive: true, force: true })
  }
}

interface RunParts {
  options: DemoOptions
  dir: string
  /** Every process that was started: the caller stops them. */
  running: NodeProcess[]
  signal: AbortSignal
}

async function run ({ options, dir, running, signal }: RunParts): Promise<void> {
  const path = options.path === undefined ? join(dir, 'toy-llama') : resolve(options.path)
  if (options.path === undefined) await makeModel(path, { sizeBytes: options.sizeBytes })
  else await access(path).catch((err: unknown) => { throw new Error(`there is nothing at ${path}, or it may not be read`, { cause: err }) })
  const published = await hashFiles(path)

  const publisher = new NodeProcess('the publisher', [CLI, 'share', path, ...LOCAL_ONLY, '--state', join(dir, 'publisher')])
  running.push(publisher)
  const ready = await publisher.event('ready', signal)
  const bytes = numberOf(ready, 'bytes')
  console.log(`\n  ${formatMib(bytes)} in ${numberOf(ready, 'blocks')} blocks, 1 publisher, ${options.peers} peers, ` +
    `${options.peers + 1} processes\n  ${textOf(ready, 'root')}\n`)

  const peers = startPeers({ options, dir, running, signal }, { link: textOf(ready, 'link'), bytes })
  const seconds = await peers.complete()
  let files = 0
  for (let i = 0; i < options.peers; i++) {
    files += compareFiles(published, await hashFiles(folderOf(dir, i)), `peer ${i + 1}`)
  }
  // stopped before they are counted: a block on its way to the second of two asked is sent too
  await Promise.all(running.map(async node => { await node.stop() }))
  const sent = await Promise.all(running.map(async node => numberOf(await node.event('stopped', signal), 'sentBytes')))
  console.log(`\n${formatReport({
    bytes,
    peers: options.peers,
    files,
    seconds,
    publisherBytes: sent[0] ?? 0,
    peerBytes: sent.slice(1).reduce((sum, one) => sum + one, 0),
    pricePerGb: options.pricePerGb
  })}\n`)
}

function folderOf (dir: string, index: number): string {
  return join(dir, `peer-${index + 1}`)
}

function startPeers (
  { options, dir, running, signal }: RunParts, model: { link: string, bytes: number }
): { complete: () => Promise<number> } {
  const hasColour = process.env['NO_COLOR'] === undefined
  const screen = process.stdout.isTTY
    ? createTerminalScreen(options.peers, hasColour)
    : createPlainScreen(line => { console.log(line) })
  const states: PeerState[] = []
  let firstMs = Infinity
  const peers: NodeProcess[] = []
  for (let index = 0; index < options.peers; index++) {
    const state: PeerState = { bytes: 0, total: model.bytes, fromPublisher: 0, fromPeers: 0, rateBytesPerSec: 0 }
    states.push(state)
    const args = [CLI, 'pull', model.link, '--out', folderOf(dir, index), ...LOCAL_ONLY, '--seed', '--state', `${folderOf(dir, index)}-state`]
    const peer = new NodeProcess(`peer ${index + 1}`, args, event => {
      if (event.event === 'started') firstMs = Math.min(firstMs, performance.now())
      takeEvent(state, event)
      screen.update(states)
    })
    peers.push(peer)
    running.push(peer)
  }
  return {
    async complete () {
      try {
        await Promise.all(peers.map(async peer => await peer.event('done', signal)))
        return (performance.now() - firstMs) / 1000
      } finally {
        screen.end()
      }
    }
  }
}

function takeEvent (state: PeerState, event: JsonEvent): void {
  if (event.event !== 'progress' && event.event !== 'done') return
  state.bytes = numberOf(event, 'bytes')
  state.fromPublisher = numberOf(event, 'fromPublisher')
  const { from } = event
  if (typeof from === 'object' && from !== null && 'peers' in from && typeof from.peers === 'number') {
    state.fromPeers = from.peers - state.fromPublisher
  }
  if (event.event === 'done') state.seconds = numberOf(event, 'seconds')
  else state.rateBytesPerSec = numberOf(event, 'rateInBytesPerSec')
}
