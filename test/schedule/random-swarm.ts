import { Bitfield } from '../../src/model/bitfield.ts'
import { BlockStates } from '../../src/schedule/block-states.ts'
import { Scheduler } from '../../src/schedule/scheduler.ts'
import { Mode } from '../../src/wire/protocol.ts'
import { seededRandom } from '../sim/virtual-clock.ts'

export type Manner = 'honest' | 'silent' | 'refusing' | 'lying' | 'leaving'

export interface RandomSwarmOptions {
  seed: number
  blocks: number
  manners: readonly Manner[]
  /** How the one source serves that is honest, holds everything and stays. */
  anchorMode: Mode
  budgetBytes?: number
}

interface FakeSource {
  readonly id: string
  readonly manner: Manner
  readonly bytesPerMs: number
  readonly delayMs: number
  mode: Mode
  busyUntil: number
  /** Asked and not cancelled. */
  readonly queued: Set<number>
  /** Of a choosing publisher: what it may still give, was granted and has given. */
  readonly pool: Set<number>
  wantUpTo: number
  given: number
}

const MAX_BLOCK = 64 * 1024
const RETRY_MS = 1000
const ENOUGH_STEPS = 200_000

/** One scheduler against sources that do what sources may do, in virtual time. Throws where an invariant breaks. */
export class RandomSwarm {
  readonly scheduler: Scheduler
  readonly states: BlockStates
  readonly sizes: number[]
  now = 0
  duplicates = 0
  readonly #random: () => number
  readonly #budgetBytes: number
  readonly #sources = new Map<string, FakeSource>()
  readonly #events: Array<{ at: number, act: () => void }> = []
  readonly #refusedUntil = new Map<string, number>()

  constructor (options: RandomSwarmOptions) {
    const { seed, blocks, manners, anchorMode, budgetBytes = 1024 * 1024 } = options
    this.#random = seededRandom(seed)
    this.#budgetBytes = budgetBytes
    this.sizes = Array.from({ length: blocks }, () => 1 + Math.floor(this.#random() * MAX_BLOCK))
    const wanted = new Bitfield(blocks)
    wanted.fill()
    const sizeOf = (block: number): number => this.sizes[block] ?? 0
    this.states = new BlockStates(wanted, new Bitfield(blocks), sizeOf)
    const random = this.#random
    this.scheduler = new Scheduler({ states: this.states, sizeOf, maxBlockBytes: MAX_BLOCK, random, budgetBytes })
    this.#join('anchor', 'honest', anchorMode, 1)
    for (const [i, manner] of manners.entries()) this.#join(`${manner}-${i}`, manner, Mode.open, this.#random())
  }

  /** Runs until every block is stored and everything that was on its way has come. */
  run (): void {
    for (let step = 0; step < ENOUGH_STEPS; step++) {
      this.#plan()
      const next = this.#events[0]
      const wakeAt = this.scheduler.wakeAt ?? Infinity
      if (next === undefined && (this.states.isComplete || wakeAt === Infinity)) return this.#checkEnd()
      if (this.states.isComplete && next === undefined) return
      this.now = Math.max(this.now, Math.min(next?.at ?? Infinity, this.states.isComplete ? Infinity : wakeAt))
      while (this.#events[0] !== undefined && this.#events[0].at <= this.now) this.#events.shift()?.act()
      this.#check()
    }
    throw new Error(`Not done after ${ENOUGH_STEPS} steps`)
  }

  #join (id: string, manner: Manner, mode: Mode, share: number): void {
    const holdings = new Bitfield(this.sizes.length)
    for (let block = 0; block < this.sizes.length; block++) if (this.#random() < share) holdings.add(block)
    const source: FakeSource = {
      id,
      manner,
      mode,
      bytesPerMs: 100 + this.#random() * 10_000,
      delayMs: 1 + this.#random() * 80,
      busyUntil: 0,
      queued: new Set(),
      pool: new Set(mode === Mode.choosing ? holdings.indexes() : []),
      wantUpTo: 0,
      given: 0
    }
    this.#sources.set(id, source)
    this.scheduler.addSource(id, holdings, mode)
    if (manner === 'leaving') this.#later(50 + this.#random() * 2000, () => { this.#leave(source) })
  }

  #leave (source: FakeSource): void {
    if (!this.#sources.delete(source.id)) return
    this.scheduler.removeSource(source.id)
  }

  #plan (): void {
    for (const action of this.scheduler.plan(this.now)) {
      const source = this.#sources.get(action.sourceId)
      const state = this.scheduler.sources.get(action.sourceId)
      if (source === undefined || state === undefined) continue
      if (action.type === 'want') {
        source.wantUpTo = Math.max(source.wantUpTo, action.upTo)
        this.#later(source.delayMs, () => { this.#choose(source) })
      } else if (action.type === 'cancel') {
        for (const block of action.blocks) source.queued.delete(block)
      } else {
        for (const block of action.blocks) {
          if (!state.holdings.has(block)) throw new Error(`Block ${block} asked of ${source.id}, which does not hold it`)
          if (source.mode === Mode.choosing) throw new Error('A choosing publisher was asked for a block')
          const until = this.#refusedUntil.get(`${source.id} ${block}`) ?? 0
          if (until > this.now) throw new Error(`Block ${block} asked again of ${source.id} ${until - this.now} ms too early`)
          source.queued.add(block)
          this.#answer(source, block)
        }
      }
      const credit = state.mostBytes(MAX_BLOCK)
      if (action.type !== 'cancel' && state.outstandingBytes > credit + MAX_BLOCK) {
        throw new Error(`${state.outstandingBytes} bytes asked of ${source.id}, whose credit is ${credit} (I3)`)
      }
    }
  }

  #answer (source: FakeSource, block: number): void {
    if (source.manner === 'silent') return
    if (source.manner === 'refusing' && this.#random() < 0.7) {
      this.#later(source.delayMs, () => {
        if (!source.queued.delete(block) || !this.#sources.has(source.id)) return
        this.#refusedUntil.set(`${source.id} ${block}`, this.now + RETRY_MS)
        this.scheduler.onRefused(source.id, [block], this.now + RETRY_MS)
      })
      return
    }
    this.#send(source, block, () => source.queued.delete(block))
  }

  #choose (source: FakeSource): void {
    if (source.mode !== Mode.choosing) return
    for (const block of source.pool) {
      const size = this.sizes[block] ?? 0
      if (this.states.isStored(block)) source.pool.delete(block)
      else if (source.given + size <= source.wantUpTo) {
        source.pool.delete(block)
        source.given += size
        this.#send(source, block, () => true)
      }
    }
    if (source.pool.size > 0) return
    source.mode = Mode.spare
    const { given } = source
    this.#later(source.delayMs, () => { this.scheduler.onMode(source.id, Mode.spare, given) })
  }

  #send (source: FakeSource, block: number, isStillWanted: () => boolean): void {
    const size = this.sizes[block] ?? 0
    source.busyUntil = Math.max(source.busyUntil, this.now) + size / source.bytesPerMs
    this.#later(source.busyUntil - this.now + source.delayMs, () => {
      if (!isStillWanted() || !this.#sources.has(source.id)) return
      const { scheduler } = this
      scheduler.onBytes(source.id, size, this.now)
      if (scheduler.onArriving(source.id, block, this.now) !== 'wanted' || !scheduler.onReceived(source.id, block)) {
        this.duplicates++
        return
      }
      if (source.manner === 'lying' && this.#random() < 0.3) {
        scheduler.onWrong(source.id, block)
        return this.#leave(source)
      }
      this.#later(this.#random() * 30, () => {
        scheduler.onStored(source.id, block)
        // The publisher hears of it, and looks whether it has anything left to give.
        const anchor = this.#sources.get('anchor')
        if (anchor !== undefined) this.#later(anchor.delayMs, () => { this.#choose(anchor) })
      })
    })
  }

  #later (ms: number, act: () => void): void {
    const at = this.now + ms
    let i = this.#events.length
    while (i > 0 && (this.#events[i - 1]?.at ?? 0) > at) i--
    this.#events.splice(i, 0, { at, act })
  }

  #check (): void {
    const { scheduler, states } = this
    if (scheduler.outstandingBytes > this.#budgetBytes + MAX_BLOCK) {
      throw new Error(`${scheduler.outstandingBytes} bytes asked for, the budget is ${this.#budgetBytes} (I3)`)
    }
    let sum = 0
    for (const source of scheduler.sources.values()) sum += source.outstandingBytes
    if (Math.abs(sum - scheduler.outstandingBytes) > 1e-6) throw new Error('The sum over the sources is another')
    if (states.missing.count + states.inFlight.size + states.stored.count !== this.sizes.length) throw new Error('I4')
    for (const { block, asked } of states.inFlight.values()) {
      if (asked.length > 2) throw new Error(`Block ${block} is asked of ${asked.length} sources`)
    }
  }

  #checkEnd (): void {
    if (!this.states.isComplete) {
      throw new Error(`${this.states.missing.count} missing, ${this.states.inFlight.size} in flight, and nothing to wait for`)
    }
  }
}
