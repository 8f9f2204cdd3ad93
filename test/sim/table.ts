import type { Outcome } from './simulate.ts'

/** One run and the seconds of this machine that it took. */
export interface Run { readonly outcome: Outcome, readonly seconds: number }

export interface Column {
  readonly title: string
  readonly value: (run: Run) => number
  /** For people; CSV gets the whole number. */
  readonly show: (value: number) => string
}

const fixed = (digits: number) => (value: number) => Number.isFinite(value) ? value.toFixed(digits) : '–'

export const COLUMNS: readonly Column[] = [
  { title: 'last / bound', value: ({ outcome }) => outcome.last, show: fixed(3) },
  { title: 'median / bound', value: ({ outcome }) => outcome.median, show: fixed(3) },
  { title: 'copies', value: ({ outcome }) => outcome.copies, show: fixed(3) },
  { title: 'wasted', value: ({ outcome }) => outcome.wasted, show: value => `${(value * 100).toFixed(2)} %` },
  { title: 'unfinished', value: ({ outcome }) => outcome.unfinished, show: value => shortest(value) },
  { title: 's', value: ({ seconds }) => seconds, show: fixed(1) }
]

export interface Table {
  head: () => string
  row: (run: Run) => string
  /** Rows that sum up the seeds of a scenario. */
  totals: (name: string, runs: readonly Run[]) => string
}

export const MARKDOWN: Table = {
  head: () => line(['scenario', 'seed', ...COLUMNS.map(({ title }) => title)]) + line(Array(COLUMNS.length + 2).fill('---')),
  row: run => line([run.outcome.name, String(run.outcome.seed), ...COLUMNS.map(({ value, show }) => show(value(run)))]),
  totals: (name, runs) => {
    const rows: Array<[string, (values: readonly number[]) => number]> = [['mean', mean], ['worst', worst]]
    return rows.map(([title, of]) => {
      return line([name, title, ...COLUMNS.map(({ value, show }) => show(of(runs.map(value))))])
    }).join('')
  }
}

export const CSV: Table = {
  head: () => ['scenario', 'seed', ...COLUMNS.map(({ title }) => title)].join(',') + '\n',
  row: run => [run.outcome.name, run.outcome.seed, ...COLUMNS.map(({ value }) => value(run))].join(',') + '\n',
  // Whoever reads the rows can sum them up.
  totals: () => ''
}

function line (cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |\n`
}

function mean (values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** The largest; NaN if any is. */
function worst (values: readonly number[]): number {
  return Math.max(...values)
}

function shortest (value: number): string {
  return String(Math.round(value * 10) / 10)
}
