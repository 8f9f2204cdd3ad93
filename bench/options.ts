import { parseArgs } from 'node:util'
import { GIB, MIB } from './bench.ts'
import { BENCHES } from './catalogue.ts'
import type { Asked, Bench, NetworkOptions } from './bench.ts'
import type { Entry, OwnOption } from './catalogue.ts'

/** One bench as it was asked for. */
export interface Planned {
  name: string
  entry: Entry
  bench: Bench
  sizeBytes: number
}

export interface Options {
  benches: Planned[]
  runs: number
  asked: Asked
  json: boolean
  profileDir: string | undefined
}

interface Range { least: number, most: number }

const RANGES: Readonly<Record<OwnOption, Range>> = {
  peers: { least: 1, most: 32 },
  rate: { least: 1, most: 1000 },
  rtt: { least: 0, most: 1000 },
  seed: { least: 0, most: Number.MAX_SAFE_INTEGER },
  kills: { least: 1, most: 100_000 },
  inputs: { least: 1, most: 1_000_000_000 },
  minutes: { least: 0.1, most: 60 },
  nodes: { least: 2, most: 100 }
}

/** What the command line asks for. @throws Error in words for people */
export function readOptions (): Options {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      size: text,
      runs: { type: 'string', default: '3' },
      json: { type: 'boolean', default: false },
      profile: text,
      peers: text,
      rate: text,
      rtt: text,
      seed: text,
      kills: text,
      inputs: text,
      minutes: text,
      nodes: text
    }
  })
  const sizeBytes = values.size === undefined ? undefined : parseSize(values.size)
  const own = new Map<OwnOption, number>()
  for (const option of ownOptions()) {
    const given = values[option]
    if (given !== undefined) own.set(option, parseNumber(option, given, RANGES[option]))
  }
  const usual = [...BENCHES].filter(([, { isUsual }]) => isUsual).map(([name]) => name)
  const names = positionals.length > 0 ? positionals : usual
  return {
    benches: names.map(name => planned(name, own, sizeBytes)),
    runs: parseNumber('runs', values.runs, { least: 1, most: 100 }),
    asked: Object.fromEntries(own),
    json: values.json,
    profileDir: values.profile
  }
}

function planned (name: string, own: ReadonlyMap<OwnOption, number>, sizeBytes: number | undefined): Planned {
  const entry = BENCHES.get(name)
  if (entry === undefined) throw new Error(`there is no bench ${name}; there are ${[...BENCHES.keys()].join(', ')}`)
  for (const option of own.keys()) {
    if (!entry.takes.includes(option)) throw new Error(`--${option} means nothing to ${name}`)
  }
  return { name, entry, sizeBytes: sizeBytes ?? entry.sizeBytes, bench: benchOf(entry, own) }
}

function benchOf (entry: Entry, own: ReadonlyMap<OwnOption, number>): Bench {
  if ('bench' in entry) return entry.bench
  const network: NetworkOptions = {
    peers: own.get('peers') ?? entry.network.peers,
    mbitPerSec: own.get('rate') ?? entry.network.mbitPerSec,
    rttMs: own.get('rtt') ?? entry.network.rttMs
  }
  return async options => await entry.networkBench(options, network)
}

function ownOptions (): OwnOption[] {
  const isOwn = (name: string): name is OwnOption => name in RANGES
  return Object.keys(RANGES).filter(isOwn)
}

function parseNumber (option: string, text: string, { least, most }: Range): number {
  const value = Number(text)
  const isWhole = option === 'minutes' || Number.isInteger(value)
  if (text === '' || !isWhole || !(value >= least && value <= most)) {
    throw new Error(`--${option} is a number from ${least} to ${most}`)
  }
  return value
}

function parseSize (text: string): number {
  const [, count = '', unit] = /^(\d+(?:\.\d+)?)(MiB|GiB)$/.exec(text) ?? []
  const bytes = Number(count) * (unit === 'GiB' ? GIB : MIB)
  if (count === '' || bytes < MIB || bytes > 64 * GIB) throw new Error('--size is like 256MiB or 1GiB, 1MiB to 64GiB')
  return bytes
}
