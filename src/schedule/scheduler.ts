import { PULL_BUDGET_BYTES } from '../defaults.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { Availability } from './availability.ts'
import { Ledger } from './ledger.ts'
import { Plan } from './plan.ts'
import type { Mode } from '../wire/protocol.ts'
import type { Arrival } from './ledger.ts'
import type { BlockStates } from './block-states.ts'
import type { Action } from './plan.ts'
import type { SchedulerSource } from './scheduler-source.ts'
import type { Bitfield } from '../model/bitfield.ts'

// The loop that decides who is asked for which block. Pure: time and randomness are arguments, what to do comes out as
// values. Events go in by the on… methods, `plan` gives what to send, `wakeAt` says when time alone changes the answer.

export type { Action } from './plan.ts'

export interface SchedulerParts {
  states: BlockStates
  sizeOf: (block: number) => number
  maxBlockBytes: number
  random: () => number
  budgetBytes?: number
  /** For how long a spare publisher is not asked freely. Default: SPARE_GRACE_MS. */
  spareGraceMs?: number
}

/**
 * Decides who is asked for which block: events in, actions out. What is known of sources is in ledger.ts and
 * availability.ts, the rules are in plan.ts.
 */
export class Scheduler {
  readonly states: BlockStates
  readonly availability: Availability
  readonly #ledger: Ledger
  readonly #plan: Plan
  /** Told off by events since the last plan. */
  #cancels: Action[] = []

  constructor (parts: SchedulerParts) {
    this.states = parts.states
    const budgetBytes = Math.max(parts.budgetBytes ?? PULL_BUDGET_BYTES, 2 * parts.maxBlockBytes)
    this.#ledger = new Ledger({ ...parts, budgetBytes })
    this.availability = new Availability(parts.states.stored.length)
    this.#plan = new Plan({ ...parts, ledger: this.#ledger, availability: this.availability })
  }

  /** Bytes asked of all sources and not yet stored. */
  get outstandingBytes (): number {
    return this.#ledger.outstandingBytes
  }

  get sources (): ReadonlyMap<string, SchedulerSource> {
    return this.#ledger.sources
  }

  /** When `plan` should be called again though nothing happened, in the clock's ms; undefined for never. */
  get wakeAt (): number | undefined {
    return this.#plan.wakeAt
  }

  /** A block more is wanted. */
  want (block: number): void {
    this.states.want(block)
    this.#ledger.dirtyAll()
  }

  /** A source appears with what it holds; the bitfield is handed over. */
  addSource (id: string, holdings: Bitfield, mode: Mode, cost = 0): void {
    this.removeSource(id)
    this.#ledger.add(id, cost, holdings, mode)
    this.availability.add(holdings)
  }

  /** A source is gone: what it was asked for is missing again. */
  removeSource (id: string): void {
    const source = this.#ledger.sources.get(id)
    if (source === undefined) return
    this.#ledger.remove(source)
    this.availability.remove(source.holdings)
    for (const block of source.coming) this.availability.expect(block, -1)
  }

  /**
   * A block is coming to a source: it may be asked for it as if it held it, and gives it when it does. So news and
   * request travel while the block does, and it waits less in each of the hands that it passes through.
   */
  onComing (id: string, block: number): void {
    const source = this.#ledger.sources.get(id)
    if (source === undefined || source.holdings.has(block) || source.coming.has(block)) return
    if (source.coming.size >= WIRE_LIMITS.comingBlocks) return
    source.coming.add(block)
    this.availability.expect(block, 1)
    if (this.states.missing.has(block)) source.isDirty = true
  }

  onHave (id: string, block: number): void {
    const source = this.#ledger.sources.get(id)
    if (source === undefined) return
    this.#comesNot(source, block)
    if (!this.availability.addOne(source.holdings, block)) return
    source.refused.delete(block)
    if (this.states.missing.has(block)) source.isDirty = true
  }

  /** `given`: what a publisher has chosen and sent so far, perhaps still on its way; the rest of our grants is void. */
  onMode (id: string, mode: Mode, given: number): void {
    const source = this.#ledger.sources.get(id)
    if (source === undefined) return
    source.mode = mode
    this.#ledger.endGrants(source, given)
  }

  onRoundTrip (id: string, ms: number): void {
    this.#ledger.sources.get(id)?.meter.onRoundTrip(ms)
  }

  onBytes (id: string, bytes: number, now: number): void {
    const source = this.#ledger.sources.get(id)
    if (source === undefined) return
    // Only what we wait for is life: who floods us with other blocks would keep for ever what it was asked for.
    if (source.meter.onBytes(now, bytes, source.arriving !== undefined)) source.silences = 0
  }

  /**
   * The header of a block has come.
   *
   * @returns `wanted` when its bytes are to be taken; otherwise they are of no use, and nobody's fault when `granted`
   */
  onArriving (id: string, block: number, now: number): Arrival {
    const source = this.#ledger.sources.get(id)
    if (source === undefined || block >= this.states.stored.length) return 'unasked'
    const arrival = this.#ledger.arriving(source, block, now)
    source.arriving = arrival === 'wanted' ? block : undefined
    if (arrival === 'wanted') source.meter.onLife(now)
    return arrival
  }

  /** The bytes of a block have come and are being verified and written. The other source asked, if any, is told off. */
  onReceived (id: string, block: number): boolean {
    const source = this.#ledger.sources.get(id)
    if (source === undefined) return false
    // Taken from a source that was too slow, and here all the same before anybody else was asked.
    if (source.arriving === block && this.states.missing.has(block)) {
      this.#ledger.ask(source, [block], source.meter.lastBytesAt)
    }
    const flight = this.states.inFlight.get(block)
    if (flight === undefined || !source.asked.has(block)) return false
    if (flight.storingFrom !== undefined) {
      this.#ledger.release(source, block)
      return false
    }
    this.states.storing(block, id)
    for (const other of [...flight.asked]) {
      if (other.sourceId === id) continue
      const rival = this.#ledger.sources.get(other.sourceId)
      if (rival === undefined) continue
      this.#ledger.release(rival, block)
      this.#cancels.push({ type: 'cancel', sourceId: rival.id, blocks: [block] })
    }
    return true
  }

  /**
   * Its bytes are verified and their write returned. Whoever else was asked meanwhile is told off.
   *
   * @returns false when it was stored already: its source left, it was asked of another, and both came
   */
  onStored (id: string, block: number): boolean {
    if (this.states.isStored(block)) return false
    const flight = this.states.inFlight.get(block)
    this.states.store(block)
    const giver = this.#ledger.sources.get(id)
    this.#ledger.doubted.delete(block)
    if (giver !== undefined) this.#ledger.prove(giver)
    for (const { sourceId } of flight?.asked ?? []) {
      const source = this.#ledger.sources.get(sourceId)
      if (source === undefined) continue
      this.#ledger.settle(source, block)
      if (sourceId !== id) this.#cancels.push({ type: 'cancel', sourceId, blocks: [block] })
    }
    return true
  }

  /** The source will not give these blocks. */
  onRefused (id: string, blocks: readonly number[], retryAt: number): void {
    const source = this.#ledger.sources.get(id)
    if (source === undefined) return
    for (const block of blocks) {
      if (!source.asked.has(block)) continue
      source.refused.set(block, retryAt)
      source.refusals++
      this.#ledger.release(source, block)
    }
  }

  /** The source does not hold this block (any more). */
  onNotHeld (id: string, block: number): void {
    const source = this.#ledger.sources.get(id)
    if (source === undefined || block >= this.states.stored.length) return
    if (source.asked.has(block)) this.#ledger.release(source, block)
    this.#comesNot(source, block)
    this.availability.removeOne(source.holdings, block)
    // A spare publisher may be its only holder now.
    this.#ledger.dirtyAll()
  }

  /** What the source gave was not the block: nor does it hold it, and who says next that it does may lie too. */
  onWrong (id: string, block: number): void {
    this.#ledger.doubted.add(block)
    this.onNotHeld(id, block)
  }

  /** Bytes of the block are coming from a source, or being verified and written. */
  isComing (block: number): boolean {
    const flight = this.states.inFlight.get(block)
    if (flight === undefined) return false
    const { sources } = this.#ledger
    return flight.storingFrom !== undefined ||
      flight.asked.some(({ sourceId }) => sources.get(sourceId)?.arriving === block)
  }

  /** It is there, or will not be. */
  #comesNot (source: SchedulerSource, block: number): void {
    if (source.coming.delete(block)) this.availability.expect(block, -1)
  }

  /** For so long we could not see what came: no source was silent meanwhile. */
  onLate (ms: number): void {
    for (const source of this.#ledger.sources.values()) source.meter.forgive(ms)
  }

  /** What to send now. Call after events, and at `wakeAt`. */
  plan (now: number): Action[] {
    const cancels = this.#cancels
    this.#cancels = []
    return [...cancels, ...this.#plan.next(now)]
  }
}
