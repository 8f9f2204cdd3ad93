import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { judge, median, MIB } from './bench.ts'
import { numberOf } from './child.ts'
import { WEIGHTS } from './network/central.ts'
import { Star } from './network/star.ts'
import { runSwarm } from './network/swarm-run.ts'
import type { BenchOptions, BenchResult, Column, NetworkOptions } from './bench.ts'
import type { Download } from './network/central.ts'
import type { SwarmRun } from './network/swarm-run.ts'
import type { MadeModel } from './workspace.ts'

const COLUMNS: Column[] = [
  { key: 'name', title: 'what' },
  { key: 'seconds', title: 's', digits: 1 },
  { key: 'mbitPerSec', title: 'Mbit/s', digits: 1 },
  { key: 'ratio', title: 'of curl', digits: 3 },
  { key: 'copies', title: 'copies', digits: 3 }
]

const LEAST_OF_CURL = 0.95
const MOST_COPIES = 1.005

/** One peer a long way from its publisher, beside one download by curl over the same links, by turns. */
export async function longPath (options: BenchOptions, network: NetworkOptions): Promise<BenchResult> {
  const { workspace, note, runs, sizeBytes } = options
  const { peers, mbitPerSec, rttMs } = network
  if (peers !== 1) throw new Error('long-path has one peer')
  const hasCurl = spawnSync('curl', ['--version']).status === 0
  const tool = hasCurl ? 'curl' : 'Node\'s HTTP client, as there is no curl'
  const model = await workspace.model(sizeBytes)
  const downloads: Download[] = []
  const swarms: SwarmRun[] = []
  for (let run = 1; run <= runs; run++) {
    note(`${tool}, run ${run} of ${runs}`)
    downloads.push(await downloadOnce(options, { network, model, hasCurl }))
    note(`one peer, run ${run} of ${runs}`)
    swarms.push(await runSwarm(options, network, model))
  }
  const curlRate = median(downloads.map(({ bytes, seconds }) => bytes / seconds))
  const seconds = median(swarms.map(one => Math.max(...one.seconds)))
  const curlSeconds = median(downloads.map(one => one.seconds))
  const rate = model.bytes / seconds
  const copies = median(swarms.map(one => one.copies))
  const where = `1 peer, ${(model.bytes / MIB).toFixed(0)} MiB, ${mbitPerSec} Mbit/s, ${rttMs} ms round trip`
  return {
    headline: `${where}: ${(rate / curlRate).toFixed(2)} of ${tool} with ${copies.toFixed(2)} copies`,
    tables: [{
      title: `${where}, medians of ${runs}`,
      columns: COLUMNS,
      rows: [
        { name: 'modelswarm', seconds, mbitPerSec: rate * 8 / 1e6, ratio: rate / curlRate, copies },
        { name: tool, seconds: curlSeconds, mbitPerSec: curlRate * 8 / 1e6, ratio: 1, copies: 1 }
      ]
    }],
    verdicts: [
      judge(`at least ${LEAST_OF_CURL} of ${tool}`, rate / curlRate, { atLeast: LEAST_OF_CURL }),
      judge('one copy leaves the publisher', copies, { atMost: MOST_COPIES })
    ]
  }
}

interface DownloadParts {
  network: NetworkOptions
  model: MadeModel
  hasCurl: boolean
}

/** The weights from a plain HTTP server, the bytes dropped. */
async function downloadOnce (
  { start, signal }: BenchOptions, { network, model, hasCurl }: DownloadParts
): Promise<Download> {
  const star = await Star.start(start, network)
  const server = start('http')
  const served = await server.ask('serve', { path: join(model.path, WEIGHTS) })
  const place = { node: await star.addNode(), port: numberOf(served, 'port') }
  const door = await star.openDoor(await star.addNode(), place)
  let seconds: number
  if (hasCurl) {
    seconds = await curl(door, signal)
  } else {
    const client = start('http')
    seconds = numberOf(await client.ask('fetch', { port: door }), 'seconds')
    await client.stop()
  }
  await Promise.all([server.stop(), star.stop()])
  return { bytes: numberOf(served, 'bytes'), seconds }
}

/** Seconds from connecting to the last byte, as curl says itself. */
async function curl (port: number, signal: AbortSignal): Promise<number> {
  const args = ['-sS', '--fail', '--noproxy', '*', '-o', '/dev/null', '-w', '%{time_total}', `http://127.0.0.1:${port}/`]
  const child = spawn('curl', args, { signal, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let error = ''
  child.stdout.on('data', data => { out += String(data) })
  child.stderr.on('data', data => { error += String(data) })
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', reject)
  child.once('close', resolve)
  const code = await promise
  if (code !== 0) throw new Error(`curl ended with ${code}: ${error.trim()}`)
  return Number(out)
}
