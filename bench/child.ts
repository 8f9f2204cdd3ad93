import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ChildProcess } from 'node:child_process'

export interface ChildOptions {
  /** Runs on one core only. Default: false. */
  oneCore?: boolean
  /** Writes CPU profiles of its threads into this folder when it ends. */
  profileDir?: string | undefined
  /** Other flags of Node itself. */
  flags?: readonly string[]
}

/** What a child answers: values by name. */
export type Reply = Readonly<Record<string, unknown>>

/** A process is given this long to end by itself before it is killed. */
const STOP_MS = 10_000
const MAX_STDERR = 4000

/** True where `taskset` can hold a process on one core. */
export function canUseOneCore (): boolean {
  return process.platform === 'linux' && spawnSync('taskset', ['-c', '0', 'true']).status === 0
}

/** A program of `children/` in a process of its own, asked by messages; the other half is children/answer.ts. */
export class Child {
  readonly #program: string
  readonly #process: ChildProcess
  readonly #exited: Promise<void>
  #signal: NodeJS.Signals | undefined
  readonly #asked = new Map<number, PromiseWithResolvers<Reply>>()
  #lastId = 0
  #stderr = ''
  #isOver = false

  constructor (program: string, options: ChildOptions = {}) {
    this.#program = program
    const { profileDir, flags = [] } = options
    const profile = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`]
    const script = fileURLToPath(new URL(`children/${program}.js`, import.meta.url))
    const command = [process.execPath, ...profile, ...flags, script]
    const [first = '', ...args] = options.oneCore === true ? ['taskset', '-c', '0', ...command] : command
    this.#process = spawn(first, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#process.stderr?.on('data', (data: Buffer) => {
      this.#stderr = (this.#stderr + data.toString()).slice(-MAX_STDERR)
    })
    this.#process.on('message', message => { this.#take(message) })
    // Not 'close': Node 20 never emits it once the parent has disconnected.
    const exited = new Promise<void>(resolve => {
      this.#process.once('error', err => {
        this.#stderr += err.message
        resolve()
      })
      this.#process.once('exit', (_code, signal) => {
        this.#signal = signal ?? undefined
        setImmediate(resolve)
      })
    })
    this.#exited = exited.then(() => {
      this.#isOver = true
      for (const { reject } of this.#asked.values()) reject(this.#lost())
      this.#asked.clear()
    })
  }

  /** @throws Error what the child threw, or that it ended */
  async ask (question: string, values: Record<string, number | string> = {}): Promise<Reply> {
    if (this.#isOver) throw this.#lost()
    const id = ++this.#lastId
    const asked = Promise.withResolvers<Reply>()
    this.#asked.set(id, asked)
    this.#process.send({ id, question, values })
    return await asked.promise
  }

  /** Ends the process and resolves when it is gone. Twice is fine. */
  async stop (): Promise<void> {
    if (this.#process.connected) this.#process.disconnect()
    const timer = setTimeout(() => { this.#process.kill('SIGKILL') }, STOP_MS)
    await this.#exited
    clearTimeout(timer)
  }

  /** Ends the process as a power button would, and resolves when it is gone. */
  async kill (): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#exited
  }

  /** Resolves when the process is gone, to the signal that ended it; undefined when it ended by itself. */
  async gone (): Promise<NodeJS.Signals | undefined> {
    await this.#exited
    return this.#signal
  }

  #take (message: unknown): void {
    if (!isReply(message) || typeof message['id'] !== 'number') return
    const asked = this.#asked.get(message['id'])
    this.#asked.delete(message['id'])
    // An answer stands apart: it may have any names.
    const { failure, answer } = message
    if (isReply(answer)) asked?.resolve(answer)
    else asked?.reject(new Error(`${this.#program}: ${typeof failure === 'string' ? failure : 'no answer'}`))
  }

  #lost (): Error {
    const how = this.#signal === undefined ? '' : ` (${this.#signal})`
    return new Error(`${this.#program} ended: ${this.#stderr.trim() || 'it said nothing'}${how}`)
  }
}

function isReply (value: unknown): value is Reply & { failure?: unknown, answer?: unknown } {
  return typeof value === 'object' && value !== null
}

/** A number of a reply. @throws Error when it is none */
export function numberOf (reply: Reply, key: string): number {
  const value = reply[key]
  if (typeof value !== 'number') throw new Error(`"${key}" is no number in ${JSON.stringify(reply)}`)
  return value
}

/** A text of a reply. @throws Error when it is none */
export function textOf (reply: Reply, key: string): string {
  const value = reply[key]
  if (typeof value !== 'string') throw new Error(`"${key}" is no text in ${JSON.stringify(reply)}`)
  return value
}
