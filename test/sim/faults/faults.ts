import type { DiskWork } from './disk.ts'
import type { Line } from './line.ts'
import type { Machine } from './machine.ts'
import type { Fault, FaultKind } from './plan.ts'
import type { World } from './world.ts'

const DISK_WORK: Partial<Record<FaultKind, DiskWork>> = {
  'write fails': 'write', 'sync fails': 'sync', 'read fails': 'read', 'state fails': 'state'
}
/** How often a reset waits for a frame to be half-way. */
const TRIES = 200

/** Does to a world what the plan says. */
export class Faults {
  readonly #world: World

  constructor (world: World) {
    this.#world = world
  }

  schedule (faults: readonly Fault[]): void {
    for (const fault of faults) this.#world.clock.setTimer(fault.at, () => { this.#inject(fault) })
  }

  #inject (fault: Fault): void {
    const { kind, ms, who } = fault
    const machine = this.#world.machines.get(who)
    const work = DISK_WORK[kind]
    if (machine !== undefined && work !== undefined) {
      machine.disk.failsUntil.set(work, this.#world.clock.now() + ms)
      return this.#count(kind, who, ms)
    }
    switch (kind) {
      case 'kill': case 'power cut': case 'leave':
        if (machine !== undefined && !machine.isGone) this.#takeAway(machine, fault)
        return
      case 'slow link': case 'slow disk':
        if (machine !== undefined) this.#slow(machine, fault)
        return
      case 'reset in mid-frame': return this.#resetMidFrame(TRIES)
      default: return this.#onLine(kind, ms)
    }
  }

  #takeAway (machine: Machine, { kind, ms, who }: Fault): void {
    const world = this.#world
    this.#count(kind, who, ms)
    if (ms === Infinity) machine.isGone = true
    machine.isComplete = false
    if (kind === 'leave') {
      world.stopProcess(machine).catch((err: unknown) => { world.onStray(who, err) })
    } else {
      world.killProcess(machine, kind === 'power cut')
    }
    if (ms !== Infinity) world.restart(machine, ms)
  }

  #slow (machine: Machine, { kind, ms, who }: Fault): void {
    this.#count(kind, who, ms)
    const { clock } = this.#world
    if (kind === 'slow disk') {
      machine.disk.slowMs = 2000
      clock.setTimer(ms, () => { machine.disk.slowMs = 0 })
      return
    }
    const { rates } = machine.node
    const { upBytesPerMs } = machine.plan.rates
    rates.upBytesPerMs = upBytesPerMs / 50
    clock.setTimer(ms, () => { rates.upBytesPerMs = upBytesPerMs })
  }

  #resetMidFrame (tries: number): void {
    const line = this.#someLine(line => line.isMidFrame)
    if (line !== undefined) {
      this.#count('reset in mid-frame', line.from.id, 0)
      line.reset()
    } else if (tries > 0) {
      this.#world.clock.setTimer(7, () => { this.#resetMidFrame(tries - 1) })
    }
  }

  #onLine (kind: FaultKind, ms: number): void {
    const { clock, random } = this.#world
    const line = this.#someLine(() => true)
    if (line === undefined) return
    this.#count(kind, `${line.from.id}-${line.to.id}`, ms)
    switch (kind) {
      case 'reset': return line.reset()
      case 'stream reset': return line.resetOne(random)
      case 'stall':
        line.stall()
        clock.setTimer(ms, () => { line.resume() })
        return
      case 'late':
        line.delay(50 + random() * 4000)
        clock.setTimer(ms, () => { line.delay(0) })
    }
  }

  #someLine (isGood: (line: Line) => boolean): Line | undefined {
    const lines = [...this.#world.lines].filter(line => !line.isCut && !line.isIdle && isGood(line))
    return lines[Math.floor(this.#world.random() * lines.length)]
  }

  #count (kind: FaultKind, who: string, ms: number): void {
    this.#world.trace.count(kind, who, () => `for ${Math.round(ms)} ms`)
  }
}
