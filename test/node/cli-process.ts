import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

export type Line = { readonly event: string } & Readonly<Record<string, unknown>>

/** One command of the built command line in a process of its own; killed when the test is over. */
export class CliProcess {
  readonly lines: Line[] = []
  stderr = ''
  /** Resolves to the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>
  readonly #kill: (signal: NodeJS.Signals) => void
  #waiting: Array<() => void> = []
  #isOver = false

  constructor (...args: string[]) {
    const child = spawn(process.execPath, [MAIN, ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#kill = signal => { child.kill(signal) }
    child.stderr.on('data', (data: Buffer) => { this.stderr += data.toString() })
    createInterface({ input: child.stdout }).on('line', line => {
      this.lines.push(JSON.parse(line))
      this.#wake()
    })
    this.ended = new Promise(resolve => {
      child.once('close', (code, signal) => {
        this.#isOver = true
        this.#wake()
        resolve(code ?? signal)
      })
    })
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await this.ended
    })
  }

  kill (signal: NodeJS.Signals): void {
    this.#kill(signal)
  }

  /** The first line that is so, earlier ones included. @throws Error when the process ends without one */
  async line (isIt: (line: Line) => boolean): Promise<Line> {
    for (;;) {
      const found = this.lines.find(isIt)
      if (found !== undefined) return found
      if (this.#isOver) throw new Error(`The process ended without that line: ${this.stderr}`)
      await new Promise<void>(resolve => { this.#waiting.push(resolve) })
    }
  }

  async event (name: string): Promise<Line> {
    return await this.line(line => line.event === name)
  }

  #wake (): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

export function numberIn (line: Line | undefined, field: string): number {
  const value = line?.[field]
  if (typeof value !== 'number') throw new Error(`No number ${field} in ${JSON.stringify(line)}`)
  return value
}
