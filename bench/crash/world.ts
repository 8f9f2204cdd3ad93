import { spawn } from 'node:child_process'
import { closeSync, openSync, readSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { numberOf, textOf } from '../child.ts'
import type { BenchOptions } from '../bench.ts'
import type { Child } from '../child.ts'
import type { Kill, Kind } from './kinds.ts'
import type { Run } from './refetch.ts'
import type { Random } from '../random.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** A model that a node gives which nobody kills. */
export interface Seeded {
  readonly path: string
  readonly link: string
  readonly root: string
  /** Of all its files: children/crash-look.ts. */
  readonly print: string
  /** How long a run takes that nobody kills, as last seen. */
  usualMs: number
}

export interface WorldParts extends Pick<BenchOptions, 'start' | 'note'> {
  readonly dir: string
  readonly models: Readonly<Record<Kind['model'], Seeded>>
  readonly kind: Kind
  readonly random: Random
  /** At most so many kills. */
  readonly maxKills: number
}

/** The state folder and target of one story, and what happens to them. */
export class World {
  readonly parts: WorldParts
  readonly state: string
  readonly model: Seeded
  kills = 0
  blocksChecked = 0
  #ledgers = 0

  constructor (parts: WorldParts) {
    this.parts = parts
    this.state = join(parts.dir, 'state')
    this.model = parts.models[parts.kind.model]
  }

  async open (): Promise<void> {
    await mkdir(this.parts.dir, { recursive: true })
  }

  async remove (): Promise<void> {
    await rm(this.parts.dir, { recursive: true, force: true })
  }

  target (name = 'out'): string {
    return join(this.parts.dir, name)
  }

  /** A node on the state folder, before it is started; its ledger is the file returned. */
  newNode (): { child: Child, ledger: string } {
    return { child: this.parts.start('crash-node'), ledger: join(this.parts.dir, `ledger-${this.#ledgers++}`) }
  }

  async startNode (): Promise<{ child: Child, ledger: string, addr: string }> {
    const { child, ledger } = this.newNode()
    const { hurry } = this.parts.kind
    const addr = textOf(await child.ask('start', { state: this.state, ledger }), 'addr')
    if (hurry !== undefined) await child.ask('hurry', { times: hurry })
    return { child, ledger, addr }
  }

  /**
   * Lets a child do something and kills it there.
   *
   * @returns false when it was done before it was killed
   * @throws Error when it failed, or ended otherwise
   */
  async killWhile (child: Child, kill: Kill, act: () => Promise<unknown>): Promise<boolean> {
    if ('point' in kill) await child.ask('arm', { ...kill })
    const timer = 'point' in kill ? undefined : setTimeout(() => { child.kill().catch(() => {}) }, kill.afterMs)
    try {
      await act()
      clearTimeout(timer)
      // It may have been killed a moment after: this is not answered then.
      await child.ask('disarm')
      return false
    } catch (err) {
      // A failure that it told itself is one, even if it is killed a moment later.
      if (!(err instanceof Error) || !err.message.includes(' ended: ') || await child.gone() !== 'SIGKILL') throw err
      this.kills++
      return true
    } finally {
      clearTimeout(timer)
    }
  }

  /** @throws Error when anything that the state folder believes is not so */
  async look (roots: readonly string[], dirs: readonly string[]): Promise<void> {
    const child = this.parts.start('crash-look')
    try {
      const reply = await child.ask('look', { state: this.state, roots: roots.join('\n'), dirs: dirs.join('\n') })
      this.blocksChecked += numberOf(reply, 'checked')
      if (numberOf(reply, 'wrong') > 0) throw new Error(`${numberOf(reply, 'wrong')} blocks are not what the state folder says`)
      if (numberOf(reply, 'bad') > 0) throw new Error(`verify finds ${numberOf(reply, 'bad')} bad files`)
    } finally {
      await child.stop()
    }
  }

  /** @throws Error unless a folder has the model's files, byte for byte */
  async expectFiles (dir: string, model: Seeded): Promise<void> {
    const child = this.parts.start('crash-look')
    try {
      if (textOf(await child.ask('print', { dir }), 'print') !== model.print) throw new Error(`${dir} has other files than the model`)
    } finally {
      await child.stop()
    }
  }

  /** @throws Error when the dead have left identities behind that the living could not take */
  async expectIdentities (most: number): Promise<void> {
    const slots = await readdir(join(this.state, 'identities'))
    if (slots.length > most) throw new Error(`${slots.length} identities were taken by ${most} processes at once`)
  }

  /** The built command line on the state folder. @throws Error when it fails */
  async command (...args: string[]): Promise<void> {
    const child = spawn(process.execPath, [CLI, ...args, '--state', this.state, '--json'], { stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (data: Buffer) => { stderr += data.toString() })
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (code !== 0) throw new Error(`modelswarm ${args.join(' ')} ended with ${code}: ${stderr}`)
  }
}

/** What a node wrote down of itself. `pulls`: how many it was asked for. */
export function readRun (ledger: string, { isKilled, pulls = 1 }: { isKilled: boolean, pulls?: number }): Run {
  const counts = new Float64Array(3)
  const file = openSync(ledger, 'r')
  readSync(file, counts, 0, counts.byteLength, 0)
  closeSync(file)
  const [wireBytes = 0, heldBytes = 0, begun = 0] = counts
  return { wireBytes, heldBytes: begun === pulls ? heldBytes : undefined, isKilled }
}
