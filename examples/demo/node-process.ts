import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { ChildProcess } from 'node:child_process'

/** One line that the command line printed with `--json`. */
export type JsonEvent = { readonly event: string } & Readonly<Record<string, unknown>>

/** A process is given this long to stop by itself before it is killed. */
const STOP_MS = 10_000

/** One `modelswarm` command line in an operating-system process of its own, read through its `--json` contract. */
export class NodeProcess {
  readonly label: string
  readonly #child: ChildProcess
  readonly #events: JsonEvent[] = []
  readonly #exited: Promise<number | null>
  readonly #onEvent: (event: JsonEvent) => void
  #waiting: Array<() => void> = []
  #isOver = false
  #stderr = ''

  constructor (label: string, args: readonly string[], onEvent: (event: JsonEvent) => void = () => {}) {
    this.label = label
    this.#onEvent = onEvent
    this.#child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stderr?.on('data', (data: Buffer) => { this.#stderr += data.toString() })
    const { stdout } = this.#child
    if (stdout === null) throw new Error('A process has no standard output')
    createInterface({ input: stdout }).on('line', line => { this.#take(line) })
    this.#exited = new Promise(resolve => {
      this.#child.once('error', err => { this.#stderr += err.message })
      this.#child.once('close', code => {
        this.#isOver = true
        this.#wake()
        resolve(code)
      })
    })
  }

  /** The first event of this name, earlier ones included. @throws Error when the process ends without one */
  async event (name: string, signal: AbortSignal): Promise<JsonEvent> {
    for (;;) {
      const found = this.#events.find(event => event.event === name)
      if (found !== undefined) return found
      if (this.#isOver) throw new Error(`${this.label} ended without "${name}": ${this.#stderr.trim() || 'it said nothing'}`)
      await this.#next(signal)
    }
  }

  /** Ends the process by SIGTERM, after a while by SIGKILL, and resolves when it is gone. */
  async stop (): Promise<void> {
    if (!this.#isOver) this.#child.kill('SIGTERM')
    const timer = setTimeout(() => { this.#child.kill('SIGKILL') }, STOP_MS)
    await this.#exited
    clearTimeout(timer)
  }

  #take (line: string): void {
    const parsed = parseEvent(line)
    if (parsed === undefined) {
      this.#stderr += `no event: ${line}`
      this.#child.kill('SIGTERM')
      return
    }
    // of progress only the newest is of use
    if (parsed.event !== 'progress') this.#events.push(parsed)
    this.#onEvent(parsed)
    this.#wake()
  }

  #wake (): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  async #next (signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => { reject(signal.reason) }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(() => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      })
    })
  }
}

/** A number of an event; @throws Error when it is none: then the contract is broken. */
export function numberOf (event: Readonly<Record<string, unknown>>, field: string): number {
  const value = event[field]
  if (typeof value !== 'number') throw new Error(`"${field}" is no number in ${JSON.stringify(event)}`)
  return value
}

/** A text of an event; @throws Error when it is none. */
export function textOf (event: Readonly<Record<string, unknown>>, field: string): string {
  const value = event[field]
  if (typeof value !== 'string') throw new Error(`"${field}" is no text in ${JSON.stringify(event)}`)
  return value
}

function parseEvent (line: string): JsonEvent | undefined {
  try {
    const parsed: unknown = JSON.parse(line)
    return isJsonEvent(parsed) ? parsed : undefined
  } catch {
    // SyntaxError: standard output carried something else than the contract says
    return undefined
  }
}

function isJsonEvent (value: unknown): value is JsonEvent {
  return typeof value === 'object' && value !== null && 'event' in value && typeof value.event === 'string'
}
