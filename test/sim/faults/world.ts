import { CID } from 'multiformats/cid'
import { isModelswarmError } from '../../../src/errors.ts'
import { seededRandom, VirtualClock } from '../virtual-clock.ts'
import { Checks } from './checks.ts'
import { Faults } from './faults.ts'
import { Liar } from './liar.ts'
import { Line } from './line.ts'
import { Machine } from './machine.ts'
import { hex } from './model.ts'
import { PeerProcess } from './peer.ts'
import { Trace } from './trace.ts'
import type { Breaks } from './breaks.ts'
import type { LineEnd } from './line.ts'
import type { SimModel } from './model.ts'
import type { RunPlan } from './plan.ts'
import type { Hash } from '../../../src/model/block-id.ts'
import type { Session } from '../../../src/swarm/session.ts'
import type { Swarm } from '../../../src/swarm/swarm.ts'

/** How long a run may take beyond its last fault, in virtual ms: two pulls that give up, and some. */
const PATIENCE_MS = 600_000
/** Pulls that may fail after the last fault before the operator believes it. */
const RETRIES = 2

/** Everybody and everything of one run. */
export class World {
  readonly plan: RunPlan
  readonly model: SimModel
  readonly breaks: Breaks
  readonly clock = new VirtualClock()
  readonly random: () => number
  readonly trace: Trace
  readonly checks: Checks
  readonly hash: Hash
  readonly machines = new Map<string, Machine>()
  readonly liars = new Map<string, Liar>()
  readonly lines = new Set<Line>()
  readonly healedAt: number

  constructor (plan: RunPlan, parts: { model: SimModel, breaks: Breaks, isTraced: boolean }) {
    this.plan = plan
    this.model = parts.model
    this.breaks = parts.breaks
    this.healedAt = plan.healedAt
    this.random = seededRandom(plan.seed + 1_000_003)
    this.trace = new Trace(this.clock.now, parts.isTraced)
    this.hash = parts.breaks.isBlind === true ? parts.model.blindHash : parts.model.hash
    this.checks = new Checks(this)
    for (const [i, machine] of plan.machines.entries()) {
      this.machines.set(machine.id, new Machine(machine, this, plan.seed * 64 + i))
    }
    for (const liar of plan.liars) this.liars.set(liar.id, new Liar(liar, this))
  }

  async run (): Promise<void> {
    const { plan, clock } = this
    for (const machine of this.machines.values()) this.restart(machine, machine.plan.startsAt)
    for (const liar of this.liars.values()) liar.start()
    new Faults(this).schedule(plan.faults)
    const until = (): boolean => clock.now() > this.healedAt && this.#isSettled()
    await clock.run({ untilMs: this.healedAt + PATIENCE_MS, until })
    // What is still on its way arrives, what was asked is answered.
    await this.#pass(15_000)
    this.checks.onQuiet()
    this.checks.checkCopies()
    for (const machine of this.machines.values()) {
      machine.process?.scheduler?.check()
      if (machine.role === 'puller' && !machine.isGone) this.checks.checkComplete(machine)
    }
    await this.#stopAll()
  }

  startProcess (machine: Machine): void {
    machine.isDark = false
    machine.error = undefined
    machine.process = new PeerProcess(machine, this)
    this.trace.say(machine.id, () => 'starts')
    for (const line of machine.zombies) this.clock.setTimer(this.random() * 3000, () => { line.tell() })
    machine.zombies.clear()
    machine.process.start()
  }

  /** A process goes without a word; with the power, its machine too. */
  killProcess (machine: Machine, isPowerCut: boolean): void {
    const { process } = machine
    machine.isDark = isPowerCut
    if (isPowerCut) machine.disk.powerCut()
    else machine.disk.kill()
    if (process === undefined) return
    process.kill()
    for (const line of this.lines) {
      if (line.from !== process && line.to !== process) continue
      line.die(process, !isPowerCut)
      if (isPowerCut) machine.zombies.add(line)
      this.lines.delete(line)
    }
    machine.process = undefined
  }

  /** Ends a process as its user would; resolves when it has. */
  async stopProcess (machine: Machine): Promise<void> {
    const { process } = machine
    if (process === undefined || process.isOver) return
    await process.stop()
    if (machine.process === process) machine.process = undefined
  }

  /** What libp2p does when a node stops. */
  hangUp (process: PeerProcess): void {
    const isIts = (line: Line): boolean => line.from === process || line.to === process
    for (const line of this.lines) if (isIts(line)) line.reset()
    // Where the other side vanished without a word, what still closes here is over with this process.
    for (const { zombies } of this.machines.values()) for (const line of zombies) if (isIts(line)) line.tell()
  }

  onPullEnd (process: PeerProcess, err: unknown): void {
    const { machine } = process
    this.trace.say(machine.id, () => err === undefined ? 'complete' : `pull ended: ${err instanceof Error ? err.message : 'unknown'}`)
    if (err === undefined) {
      machine.isComplete = true
      if (!machine.plan.leavesWhenComplete) return
      machine.isGone = true
    } else {
      if (process.isOver) return
      this.checks.onFailed(machine, process, err)
      machine.error = err
      if (this.clock.now() > this.healedAt) machine.failures++
      if (machine.failures < RETRIES) this.restart(machine, 500 + this.random() * 3000)
    }
    this.stopProcess(machine).catch((failure: unknown) => { this.onStray(machine.id, failure) })
  }

  restart (machine: Machine, afterMs: number): void {
    const at = this.clock.now() + afterMs
    machine.restartsAt = at
    this.clock.setTimer(afterMs, () => {
      if (machine.restartsAt !== at || machine.isGone) return
      machine.restartsAt = undefined
      if (machine.process !== undefined) return this.restart(machine, 1000)
      this.startProcess(machine)
    })
  }

  /** A connection takes a few round trips. @throws Error as a dial does */
  async connect (from: PeerProcess | Liar, peerId: string): Promise<Line> {
    const latencyMs = this.plan.latencyMs * (0.5 + this.random())
    await from.clock.sleep(4 * latencyMs)
    if (this.machines.get(peerId)?.isDark === true) {
      await from.clock.sleep(5000)
      throw new Error('ETIMEDOUT')
    }
    const to: LineEnd | undefined = this.machines.get(peerId)?.process ?? this.liars.get(peerId)
    if (to === undefined || (to instanceof PeerProcess && to.isOver)) throw new Error('ECONNREFUSED')
    for (const line of this.lines) if (line.isIdle) this.lines.delete(line)
    const { maxBlockBytes } = this.model.manifest
    const sizes = { chunkBytes: Math.max(16, maxBlockBytes >> 2), socketBytes: Math.max(64, maxBlockBytes) }
    const line = new Line(from, to, { clock: this.clock, latencyMs, sizes, isExact: this.model.isExact })
    this.lines.add(line)
    return line
  }

  knows (peerId: string): boolean {
    return this.machines.has(peerId) || this.liars.has(peerId)
  }

  /** Somebody for a liar to call on. */
  somebody (notId: string): string | undefined {
    const ids = [...this.machines.keys(), ...this.liars.keys()].filter(id => id !== notId)
    return ids[Math.floor(this.random() * ids.length)]
  }

  nodeOf (cid: Uint8Array): Uint8Array | undefined {
    return this.model.nodes.get(hex(CID.decode(cid).multihash.digest))?.slice()
  }

  onBadBlock (swarm: Swarm, session: Session, err: Error): void {
    this.checks.onWrongBytes(session)
    if (this.breaks.keepsLiars !== true) swarm.onBadBlock(session, err)
  }

  /** Something failed that nobody was to hear of. */
  onStray (who: string, err: unknown): void {
    if (isModelswarmError(err)) return
    this.trace.fail('errors', who, err instanceof Error ? err.stack ?? err.message : 'a failure of no kind')
  }

  #isSettled (): boolean {
    for (const machine of this.machines.values()) {
      if (machine.role !== 'puller' || machine.isGone) continue
      if (machine.restartsAt !== undefined) return false
      if (!machine.isComplete && (machine.error === undefined || machine.process !== undefined)) return false
    }
    return true
  }

  async #stopAll (): Promise<void> {
    for (const liar of this.liars.values()) liar.stop()
    const processes = [...this.machines.values()].flatMap(({ process }) => process ?? [])
    const stopped = new Set<PeerProcess>()
    for (const process of processes) {
      process.stop().then(() => {
        stopped.add(process)
        if (process.clock.timers > 0) this.trace.fail('I8', process.id, `${process.clock.timers} timers are left after stop`)
      }, (err: unknown) => { this.trace.fail('I8', process.id, `stop failed: ${err instanceof Error ? err.message : ''}`) })
    }
    await this.#pass(30_000)
    for (const process of processes) {
      if (!stopped.has(process)) this.trace.fail('I8', process.id, 'stop does not end')
      process.scheduler?.settle()
    }
  }

  async #pass (ms: number): Promise<void> {
    let isOver = false
    this.clock.setTimer(ms, () => { isOver = true })
    await this.clock.run({ untilMs: this.clock.now() + ms, until: () => isOver })
  }
}
