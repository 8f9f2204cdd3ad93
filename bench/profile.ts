import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Table, Values } from './bench.ts'

const TOP = 15
/** Threads that ran less than this are of no interest: ms. */
const LEAST_MS = 100

interface ProfileNode {
  id: number
  callFrame: { functionName: string, url: string, lineNumber: number }
}

interface Profile {
  nodes: ProfileNode[]
  samples: number[]
  timeDeltas: number[]
}

/** For each CPU profile in a folder (Node's --cpu-prof: one a thread) the functions with the most time of their own. */
export async function selfTimes (dir: string): Promise<Table[]> {
  const tables: Table[] = []
  for (const name of (await readdir(dir)).filter(one => one.endsWith('.cpuprofile')).sort()) {
    const profile: unknown = JSON.parse(await readFile(join(dir, name), 'utf8'))
    if (!isProfile(profile)) throw new Error(`${name} is no CPU profile`)
    const table = tableOf(name, profile)
    if (table !== undefined) tables.push(table)
  }
  return tables
}

function tableOf (name: string, { nodes, samples, timeDeltas }: Profile): Table | undefined {
  const labels = new Map(nodes.map(node => [node.id, labelOf(node)]))
  const times = new Map<string, number>()
  let busyMs = 0
  for (const [i, id] of samples.entries()) {
    const label = labels.get(id) ?? '(unknown)'
    if (label.startsWith('(idle)') || label.startsWith('(program)')) continue
    const ms = (timeDeltas[i] ?? 0) / 1000
    busyMs += ms
    times.set(label, (times.get(label) ?? 0) + ms)
  }
  if (busyMs < LEAST_MS) return undefined
  const top = [...times].sort((a, b) => b[1] - a[1]).slice(0, TOP)
  return {
    title: `${name}, ${Math.round(busyMs)} ms busy`,
    columns: [
      { key: 'function', title: 'function' },
      { key: 'ms', title: 'self ms', digits: 0 },
      { key: 'percent', title: '%', digits: 1 }
    ],
    rows: top.map(([label, ms]): Values => ({ function: label, ms, percent: ms * 100 / busyMs }))
  }
}

function labelOf ({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const file = url.replace(/^.*\/(node_modules|dist)\//, '').replace(/^file:\/\//, '')
  return `${functionName === '' ? '(anonymous)' : functionName} ${file}${file === '' ? '' : `:${lineNumber + 1}`}`
}

function isProfile (value: unknown): value is Profile {
  return typeof value === 'object' && value !== null && 'nodes' in value && 'samples' in value && 'timeDeltas' in value
}
