import { ENDGAME_ASKED, PULL_BUDGET_BYTES } from '../../../src/defaults.ts'
import { Scheduler } from '../../../src/schedule/scheduler.ts'
import type { Action, SchedulerParts } from '../../../src/schedule/scheduler.ts'

type Fail = (what: string, promise: string) => void

/** The library's scheduler, its sums and states checked at every plan (I3, I4). */
export class WatchedScheduler extends Scheduler {
  readonly #parts: SchedulerParts
  readonly #fail: Fail
  readonly #wanted: number
  readonly #budgetBytes: number

  constructor (parts: SchedulerParts, fail: Fail) {
    super(parts)
    this.#parts = parts
    this.#fail = fail
    this.#wanted = parts.states.missing.count + parts.states.stored.count
    this.#budgetBytes = Math.max(parts.budgetBytes ?? PULL_BUDGET_BYTES, 2 * parts.maxBlockBytes)
  }

  override plan (now: number): Action[] {
    this.check()
    const actions = super.plan(now)
    this.check()
    const { maxBlockBytes } = this.#parts
    for (const { type, sourceId } of actions) {
      const source = this.sources.get(sourceId)
      if (type === 'cancel' || source === undefined) continue
      // What an honest mode allows and a liar's does not is bounded all the same.
      const credit = source.mostBytes(maxBlockBytes)
      if (source.outstandingBytes > credit + maxBlockBytes) {
        this.#fail(`${source.outstandingBytes} bytes asked of ${sourceId}, credit ${credit}`, 'I3')
      }
    }
    return actions
  }

  check (): void {
    const { states, sources } = this
    if (this.outstandingBytes > this.#budgetBytes + this.#parts.maxBlockBytes) {
      this.#fail(`${this.outstandingBytes} bytes asked in all, budget ${this.#budgetBytes}`, 'I3')
    }
    let sum = 0
    for (const source of sources.values()) {
      sum += source.outstandingBytes
      for (const block of source.asked) {
        if (states.inFlight.get(block)?.asked.some(one => one.sourceId === source.id) !== true) {
          this.#fail(`block ${block} is asked of ${source.id} and not in flight from it`, 'I4')
        }
      }
    }
    if (Math.abs(sum - this.outstandingBytes) > 1e-6) this.#fail(`sum ${this.outstandingBytes}, sources say ${sum}`, 'I3')
    if (states.missing.count + states.inFlight.size + states.stored.count !== this.#wanted) {
      this.#fail('a block is in no state, or in two', 'I4')
    }
    for (const { block, asked, storingFrom } of states.inFlight.values()) {
      if (states.missing.has(block) || states.stored.has(block)) this.#fail(`block ${block} is in two states`, 'I4')
      if (asked.length > ENDGAME_ASKED) this.#fail(`block ${block} is asked of ${asked.length} sources`, 'I4')
      if (storingFrom !== undefined) continue
      for (const { sourceId } of asked) {
        if (sources.get(sourceId)?.asked.has(block) !== true) {
          this.#fail(`block ${block} waits for ${sourceId}, which was not asked`, 'I4')
        }
      }
    }
  }

  /** Every source leaves: nothing may be left over. */
  settle (): void {
    for (const id of [...this.sources.keys()]) this.removeSource(id)
    if (Math.abs(this.outstandingBytes) > 1e-6) this.#fail(`${this.outstandingBytes} bytes are asked of nobody`, 'I3')
    for (const { block, storingFrom } of this.states.inFlight.values()) {
      if (storingFrom === undefined) this.#fail(`block ${block} is in flight from nobody`, 'I4')
    }
  }
}
