import type { Child, ChildOptions } from './child.ts'
import type { Workspace } from './workspace.ts'

/** What every bench is given. */
export interface BenchOptions {
  /** Bytes of the model that is moved. */
  sizeBytes: number
  /** How often each figure is taken; its median is shown. */
  runs: number
  /** What was asked for on the command line of the runs that last: `--seed`, `--kills` and so on. */
  asked: Asked
  workspace: Workspace
  /** Where CPU profiles go; undefined for none. */
  profileDir: string | undefined
  /** Starts a process of `children/`; main.ts ends those that a bench leaves behind. */
  start: (program: string, options?: ChildOptions) => Child
  /** Tells people what is going on; standard error, so that tables can be piped. */
  note: (text: string) => void
  signal: AbortSignal
}

export type Asked = Readonly<Partial<Record<'seed' | 'kills' | 'inputs' | 'minutes' | 'nodes', number>>>

export type Bench = (options: BenchOptions) => Promise<BenchResult>

/** The shaped network that some benches run in. */
export interface NetworkOptions {
  /** Nodes that pull. */
  peers: number
  /** Up and down, of every node. */
  mbitPerSec: number
  rttMs: number
}

export type NetworkBench = (options: BenchOptions, network: NetworkOptions) => Promise<BenchResult>

/** A named value of a row; a number is shown with as many digits as its column says. */
export type Values = Readonly<Record<string, number | string>>

export interface Column {
  readonly key: string
  /** With the unit. */
  readonly title: string
  /** After the point. Default: 2. */
  readonly digits?: number
}

export interface Table {
  readonly title: string
  readonly columns: readonly Column[]
  readonly rows: readonly Values[]
}

/** What was to be reached, and whether it was. */
export interface Verdict {
  readonly goal: string
  readonly reached: string
  readonly isReached: boolean
}

export interface BenchResult {
  /** One line that says it all. */
  readonly headline?: string
  readonly tables: readonly Table[]
  readonly verdicts: readonly Verdict[]
}

/** A bench cannot run on this machine: said, and no failure. */
export class SkippedError extends Error {
  override readonly name = 'SkippedError'
}

export const MIB = 1024 * 1024
export const GIB = 1024 * MIB

/** The middle value; of an even number the mean of the two in the middle. @throws RangeError for none */
export function median (values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[sorted.length >>> 1]
  const lower = sorted[(sorted.length - 1) >>> 1]
  if (upper === undefined || lower === undefined) throw new RangeError('Median of nothing')
  return (lower + upper) / 2
}

/** A goal with a figure: at least it, or at most. */
export function judge (goal: string, value: number, limit: { atLeast: number } | { atMost: number }): Verdict {
  const isReached = 'atLeast' in limit ? value >= limit.atLeast : value <= limit.atMost
  return { goal, reached: value.toFixed(value >= 100 ? 0 : 2), isReached }
}
