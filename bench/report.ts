import type { BenchResult, Table, Values } from './bench.ts'

/** How results are shown: for people as Markdown, for programs as one JSON object a line. */
export interface Report {
  machine: (facts: Values) => void
  result: (bench: string, result: BenchResult, loadBefore: number) => void
  skipped: (bench: string, reason: string) => void
}

type Print = (line: string) => void

export function jsonReport (print: Print): Report {
  const line = (value: object): void => { print(JSON.stringify(value)) }
  return {
    machine: facts => { line({ event: 'machine', ...facts }) },
    result: (bench, { headline, tables, verdicts }, loadBefore) => {
      if (headline !== undefined) line({ event: 'headline', bench, headline })
      for (const { title, rows } of tables) {
        for (const row of rows) line({ event: 'figure', bench, table: title, loadBefore, ...row })
      }
      for (const verdict of verdicts) line({ event: 'verdict', bench, ...verdict })
    },
    skipped: (bench, reason) => { line({ event: 'skipped', bench, reason }) }
  }
}

export function markdownReport (print: Print): Report {
  return {
    machine: facts => {
      print(`${String(facts['cores'])} cores (${String(facts['cpu'])}), ${String(facts['memoryGiB'])} GiB, node ` +
        `${String(facts['node'])}, ${String(facts['platform'])}, load before ${String(facts['loadBefore'])}`)
    },
    result: (bench, { headline, tables, verdicts }, loadBefore) => {
      print(`\n## ${bench}\n\nload before: ${loadBefore}`)
      for (const table of tables) for (const line of tableLines(table)) print(line)
      if (headline !== undefined) print(`\n${headline}`)
      print('')
      for (const { goal, reached, isReached } of verdicts) {
        print(`- ${isReached ? 'PASS' : 'below'}: ${goal}: ${reached}`)
      }
    },
    skipped: (bench, reason) => { print(`\n## ${bench}\n\nskipped: ${reason}`) }
  }
}

function tableLines ({ title, columns, rows }: Table): string[] {
  const cells = rows.map(row => columns.map(({ key, digits }) => shown(row[key], digits ?? 2)))
  const widths = columns.map((column, i) => Math.max(3, column.title.length, ...cells.map(row => row[i]?.length ?? 0)))
  const width = (i: number): number => widths[i] ?? 0
  const isText = columns.map(({ key }) => rows.some(row => typeof row[key] === 'string'))
  const line = (texts: readonly string[]): string => {
    const padded = texts.map((text, i) => isText[i] === true ? text.padEnd(width(i)) : text.padStart(width(i)))
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, i) => isText[i] === true ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)
  return ['', `${title}:`, '', line(columns.map(column => column.title)), line(rule), ...cells.map(line)]
}

function shown (value: number | string | undefined, digits: number): string {
  if (value === undefined) return ''
  return typeof value === 'number' ? value.toFixed(digits) : value
}
