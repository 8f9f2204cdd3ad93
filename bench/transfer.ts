import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GIB, judge, median, MIB } from './bench.ts'
import { numberOf, textOf } from './child.ts'
import { busySeconds } from './machine.ts'
import { selfTimes } from './profile.ts'
import type { BenchOptions, BenchResult, Column, Table } from './bench.ts'
import type { Child } from './child.ts'

const COLUMNS: Column[] = [
  { key: 'name', title: 'what' },
  { key: 'mbPerSec', title: 'MB/s', digits: 0 },
  { key: 'ratio', title: 'of a bare stream' },
  { key: 'sendCpu', title: 'sender CPU s/GiB' },
  { key: 'receiveCpu', title: 'receiver CPU s/GiB' },
  { key: 'cpu', title: 'both' },
  { key: 'sendPeakMib', title: 'sender peak MiB', digits: 0 },
  { key: 'receivePeakMib', title: 'receiver peak MiB', digits: 0 },
  { key: 'othersCores', title: 'cores that others used' }
]

/** One transfer between two processes, measured once. */
export interface Transfer {
  /** Bytes a second, from dialling to the end of everything. */
  rate: number
  /** Seconds a GiB, all threads, over the transfer only. */
  sendCpu: number
  receiveCpu: number
  /** Since the process started: for a seeder publishing included. */
  sendPeakMib: number
  receivePeakMib: number
  /** Cores that all other processes of the machine used meanwhile: above 0.2 or so the other figures mean little. */
  othersCores: number
}

/**
 * One seeder to one puller against a bare libp2p stream, with and without the same work, a bare TCP connection, and
 * sha2-256, by turns. The pull counts from the call to its result: dial, tree, blocks verified and written, files
 * renamed and indexed.
 */
export async function transfer (options: BenchOptions): Promise<BenchResult> {
  const { workspace, note, runs, sizeBytes, profileDir } = options
  const model = await workspace.model(sizeBytes)
  const { bytes, path } = model
  const ways: Array<[name: string, take: () => Promise<Transfer>]> = [
    ['TCP, 1 MiB writes', async () => await bareOnce(options, 'tcp', bytes)],
    ['libp2p stream, 1 MiB writes', async () => await bareOnce(options, 'stream', bytes)],
    ['modelswarm, verified and written', async () => await pullOnce(options, path)],
    ['libp2p stream, hashed and written', async () => await hashedOnce(options, join(path, 'model.safetensors'))],
    ['sha256, one thread', async () => await hashOnce(options, join(path, 'model.safetensors'))]
  ]
  const samples = ways.map((): Transfer[] => [])
  for (let run = 1; run <= runs; run++) {
    for (const [i, [name, take]] of ways.entries()) {
      note(`${name}, run ${run} of ${runs}`)
      samples[i]?.push(await take())
    }
  }
  const of = (i: number, key: keyof Transfer): number => median((samples[i] ?? []).map(one => one[key]))
  const rows = ways.map(([name], i) => ({
    name,
    mbPerSec: of(i, 'rate') / 1e6,
    ratio: of(i, 'rate') / of(1, 'rate'),
    sendCpu: of(i, 'sendCpu'),
    receiveCpu: of(i, 'receiveCpu'),
    cpu: of(i, 'sendCpu') + of(i, 'receiveCpu'),
    sendPeakMib: of(i, 'sendPeakMib'),
    receivePeakMib: of(i, 'receivePeakMib'),
    othersCores: of(i, 'othersCores')
  }))
  const tables: Table[] = [
    { title: `${(bytes / GIB).toFixed(2)} GiB over loopback, medians of ${runs}`, columns: COLUMNS, rows }
  ]
  if (profileDir !== undefined) tables.push(...await selfTimes(profileDir))
  return {
    tables,
    verdicts: [
      judge('a pull is at least 0.7 of a bare libp2p stream', of(2, 'rate') / of(1, 'rate'), { atLeast: 0.7 }),
      judge('a pull is as fast as a bare stream hashed and written', of(2, 'rate') / of(3, 'rate'), { atLeast: 1 }),
      judge('CPU seconds per GiB of both ends are at most 8', of(2, 'sendCpu') + of(2, 'receiveCpu'), { atMost: 8 }),
      judge('CPU seconds per GiB of both ends reach the aim of 6.5', of(2, 'sendCpu') + of(2, 'receiveCpu'), { atMost: 6.5 })
    ]
  }
}

/**
 * One seeder, one puller, fresh processes and state folders. `outParent` holds the target, by default in memory.
 *
 * @throws SkippedError when there is no room
 */
export async function pullOnce (options: BenchOptions, path: string, outParent?: string): Promise<Transfer> {
  const { start, workspace, profileDir } = options
  const work = await workspace.ramFolder(outParent === undefined ? options.sizeBytes : 0)
  const out = join(outParent ?? work, 'out')
  const seeder = start('node', { profileDir })
  const puller = start('node', { profileDir })
  await seeder.ask('start', { state: join(work, 'seeder') })
  await puller.ask('start', { state: join(work, 'puller') })
  const link = textOf(await seeder.ask('publish', { path }), 'link')
  const reply = await both([seeder, puller], async () => await puller.ask('pull', { link, out }))
  await puller.ask('stop')
  await seeder.ask('stop')
  await Promise.all([seeder.stop(), puller.stop()])
  await rm(out, { recursive: true, force: true })
  await workspace.drop(work)
  return reply
}

async function bareOnce ({ start }: BenchOptions, program: 'stream' | 'tcp', bytes: number): Promise<Transfer> {
  const sender = start(program)
  const receiver = start(program)
  const heard = await sender.ask('listen', { bytes })
  const at = program === 'tcp' ? { port: numberOf(heard, 'port') } : { addr: textOf(heard, 'addr') }
  const measured = await both([sender, receiver], async () => await receiver.ask('receive', { ...at, bytes }))
  await Promise.all([sender.stop(), receiver.stop()])
  return measured
}

/** The stream and the work of a pull, and nothing else. */
async function hashedOnce ({ start, workspace, sizeBytes }: BenchOptions, path: string): Promise<Transfer> {
  const sender = start('hashed')
  const receiver = start('hashed')
  const heard = await sender.ask('listen', { path })
  const work = await workspace.ramFolder(sizeBytes)
  const asked = { addr: textOf(heard, 'addr'), bytes: numberOf(heard, 'bytes'), out: join(work, 'out') }
  const measured = await both([sender, receiver], async () => await receiver.ask('receive', asked))
  await Promise.all([sender.stop(), receiver.stop()])
  await workspace.drop(work)
  return measured
}

async function hashOnce ({ start }: BenchOptions, path: string): Promise<Transfer> {
  const child = start('sha256')
  const measured = await both([child, child], async () => await child.ask('hash', { path }))
  await child.stop()
  return { ...measured, sendCpu: 0, sendPeakMib: 0 }
}

/** What both ends spend while the second one does its part. */
async function both ([sender, receiver]: [Child, Child], act: () => ReturnType<Child['ask']>): Promise<Transfer> {
  await Promise.all([sender.ask('mark'), receiver.ask('mark')])
  const before = busySeconds()
  const reply = await act()
  const after = busySeconds()
  const [sent, received] = await Promise.all([sender.ask('usage'), receiver.ask('usage')])
  const bytes = numberOf(reply, 'bytes')
  const seconds = numberOf(reply, 'seconds')
  const ours = numberOf(received, 'cpuSeconds') + (sender === receiver ? 0 : numberOf(sent, 'cpuSeconds'))
  return {
    rate: bytes / seconds,
    sendCpu: numberOf(sent, 'cpuSeconds') * GIB / bytes,
    receiveCpu: numberOf(received, 'cpuSeconds') * GIB / bytes,
    sendPeakMib: numberOf(sent, 'peakRssBytes') / MIB,
    receivePeakMib: numberOf(received, 'peakRssBytes') / MIB,
    othersCores: before === undefined || after === undefined ? NaN : Math.max(0, (after - before - ours) / seconds)
  }
}
