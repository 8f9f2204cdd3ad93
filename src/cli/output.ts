import { printable } from './printable.ts'
import type { Terminal } from './parts.ts'

export interface OutputOptions {
  json?: boolean
  quiet?: boolean
}

/**
 * Standard output of one command: JSON objects a line for programs, or text for people. A command says everything
 * once for each; the one that was not asked for is dropped here, so that nothing else can slip onto the stream.
 */
export class Output {
  readonly json: boolean
  readonly quiet: boolean
  readonly #stdout: Terminal
  #held: string[] | undefined

  constructor (stdout: Terminal, options: OutputOptions) {
    this.json = options.json === true
    this.quiet = options.quiet === true && !this.json
    this.#stdout = stdout
  }

  /** For programs: one line. `--quiet` does not touch it. */
  event (name: string, fields: Readonly<Record<string, unknown>>): void {
    if (!this.json) return
    this.#stdout.write(`${JSON.stringify({ event: name, ...fields })}\n`)
    const held = this.#held ?? []
    this.#held = undefined
    for (const message of held) this.note(message)
  }

  /** For people: the result they asked for, in spite of `--quiet`. */
  result (text: string): void {
    if (!this.json) this.#stdout.write(`${text}\n`)
  }

  /** For people: what helps to follow, dropped by `--quiet`. */
  line (text: string): void {
    if (!this.json && !this.quiet) this.#stdout.write(`${text}\n`)
  }

  /** Something to know and not to act on, for both. */
  note (message: string): void {
    if (this.#held !== undefined) this.#held.push(message)
    else if (this.json) this.event('note', { message })
    else this.line(`note: ${message}`)
  }

  /** Keeps notes back until the next event, so that a program may take the first line for the first event. */
  holdNotes (): void {
    if (this.json) this.#held ??= []
  }
}

/**
 * Left-aligned columns, as wide as their widest cell; columns named in `right` are right-aligned. Cells are made
 * printable.
 */
export function formatTable (cells: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const rows = cells.map(row => row.map(cell => printable(cell)))
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => { widths[column] = Math.max(widths[column] ?? 0, cell.length) })
  }
  return rows.map(row => row
    .map((cell, column) => {
      const width = widths[column] ?? 0
      return right.includes(column) ? cell.padStart(width) : cell.padEnd(width)
    })
    .join('  ')
    .trimEnd())
}
