import { ENDGAME_ASKED, REMEMBERED_SILENT, UNPROVEN_SHARE } from '../defaults.ts'
import { Mode } from '../wire/protocol.ts'
import { SchedulerSource } from './scheduler-source.ts'
import type { BlockStates } from './block-states.ts'
import type { Bitfield } from '../model/bitfield.ts'

/** What the header of a block is to us: to be taken, covered by a grant but of no use, or nothing we asked for. */
export type Arrival = 'wanted' | 'granted' | 'unasked'

export interface LedgerParts {
  states: BlockStates
  sizeOf: (block: number) => number
  maxBlockBytes: number
  budgetBytes: number
}

/**
 * Who was asked for what: the sources of a pull, the blocks and bytes asked of each, and their sum, which never exceeds
 * the budget (I3). Every movement of a block between sources goes through here, so that the sums and the states agree
 * (I4). Decides nothing; marks sources dirty whose answer to "may it be asked for more?" may have changed.
 */
export class Ledger {
  readonly states: BlockStates
  readonly sources = new Map<string, SchedulerSource>()
  /** Blocks that a source gave other bytes for, or kept without ever giving one, and that nobody has given yet. */
  readonly doubted = new Set<number>()
  /** Sources that are gone and gave nothing, the latest last: a new session makes nobody talk. */
  readonly #gone = new Map<string, Pick<SchedulerSource, 'silences' | 'pausedUntil' | 'breaks'>>()
  readonly #sizeOf: (block: number) => number
  readonly #maxBlockBytes: number
  readonly #budgetBytes: number
  #outstandingBytes = 0
  /** Of those, of sources that have given nothing yet. */
  #unprovenBytes = 0

  constructor (parts: LedgerParts) {
    this.states = parts.states
    this.#sizeOf = parts.sizeOf
    this.#maxBlockBytes = parts.maxBlockBytes
    this.#budgetBytes = parts.budgetBytes
  }

  /** Bytes asked of all sources and not yet stored. */
  get outstandingBytes (): number {
    return this.#outstandingBytes
  }

  /** What may still be asked of all sources together. */
  get roomBytes (): number {
    return this.#budgetBytes - this.#outstandingBytes
  }

  /**
   * What may still be asked of this source. Those that have given nothing yet have half of the budget between them:
   * however many come and only hold what they are asked for, those that give go on.
   */
  roomFor (source: SchedulerSource): number {
    return source.hasGiven ? this.roomBytes : Math.min(this.roomBytes, this.#unprovenRoom)
  }

  get #unprovenRoom (): number {
    return Math.max(UNPROVEN_SHARE * this.#budgetBytes, this.#maxBlockBytes) - this.#unprovenBytes
  }

  add (id: string, cost: number, holdings: Bitfield, mode: Mode): void {
    const source = new SchedulerSource(id, cost, holdings)
    source.mode = mode
    Object.assign(source, this.#gone.get(id))
    this.#gone.delete(id)
    this.sources.set(id, source)
  }

  /** The source is gone: what it was asked for is missing again, unless another was asked too. */
  remove (source: SchedulerSource): void {
    // Once is nobody's fault: two that dial each other at once lose a session too.
    if (source.asked.size > 0 && !source.hasGiven && source.breaks++ > 0) {
      for (const block of source.asked) this.doubted.add(block)
      source.silence(source.meter.lastBytesAt)
    }
    for (const block of [...source.asked]) this.release(source, block)
    this.#expect(source, -source.outstandingBytes)
    this.sources.delete(source.id)
    if (source.silences > 0 || source.breaks > 0) this.#remember(source)
    this.dirtyAll()
  }

  ask (source: SchedulerSource, blocks: readonly number[], now: number): void {
    source.meter.onAsked(now)
    for (const block of blocks) {
      this.states.ask(block, source.id, now)
      source.asked.add(block)
      source.askedBytes += this.#sizeOf(block)
      this.#expect(source, this.#sizeOf(block))
    }
  }

  /** A block that the source gave was stored. */
  prove (source: SchedulerSource): void {
    source.refusals = source.breaks = 0
    if (source.hasGiven) return
    this.#unprovenBytes -= source.outstandingBytes
    source.hasGiven = true
    this.dirtyAll()
  }

  /** A choosing publisher may send so many bytes more. */
  grant (source: SchedulerSource, bytes: number, now: number): void {
    this.#count(source)
    source.wantGranted += bytes
    this.#expect(source, bytes)
    source.meter.onAsked(now)
  }

  /**
   * A choosing publisher is silent: what it was granted may still come, and is covered then, block by block; others
   * need not wait for that. One that chooses for ever and gives nothing would else hold the budget.
   */
  shelve (source: SchedulerSource): void {
    this.#expect(source, -source.outstandingBytes)
    source.isShelved = true
    this.#expect(source, source.outstandingBytes)
    this.#idleCheck(source)
    this.dirtyAll()
  }

  /** What was granted ends at `upTo`, counted from the start. */
  endGrants (source: SchedulerSource, upTo: number): void {
    const before = source.outstandingBytes
    source.wantGranted = Math.max(source.wantUsed, Math.min(source.wantGranted, upTo))
    // What was set aside stays so until nothing of it can come any more.
    if (source.wantGranted === source.wantUsed) source.isShelved = false
    source.isDirty = true
    this.#free(source, before - source.outstandingBytes)
    this.#idleCheck(source)
  }

  /**
   * The header of a block has come.
   *
   * @returns `granted`: covered by what it may choose, and of no use, as it is not missing (any more)
   */
  arriving (source: SchedulerSource, block: number, now: number): Arrival {
    const size = this.#sizeOf(block)
    const isGranted = source.wantUsed + size <= source.wantGranted
    if (source.asked.has(block)) {
      this.#noteWait(source, block, now)
      // Asked for after the publisher's pass, while the very block it had chosen was on its way: this is that one.
      if (isGranted && source.mode !== Mode.choosing) {
        source.wantUsed += size
        if (!source.isShelved) this.#free(source, size)
      }
      return 'wanted'
    }
    if (!isGranted) return 'unasked'
    // What was set aside is not in the budget: one at a time, and more while there is room.
    const isTooMuch = source.isShelved && source.askedBytes > 0 && this.roomBytes < size
    if (source.isShelved) this.#expect(source, size)
    // Chosen by the publisher: moves from what was granted to what is asked, so the sum stays.
    source.wantUsed += size
    const isOfUse = this.states.missing.has(block) || (!source.isShelved && this.#maybeAsked(block))
    if (isTooMuch || !isOfUse) {
      if (!isOfUse) source.onUseless(now)
      source.isDirty = true
      this.#free(source, size)
      return 'granted'
    }
    source.useless = 0
    source.asked.add(block)
    source.askedBytes += size
    this.states.ask(block, source.id, now)
    return 'wanted'
  }

  /** Its bytes are not here yet, and one source more may be asked: the first to deliver it will do. */
  #maybeAsked (block: number): boolean {
    const flight = this.states.inFlight.get(block)
    return flight !== undefined && flight.storingFrom === undefined && flight.asked.length < ENDGAME_ASKED
  }

  /** The source will not deliver this block: it is missing again unless another was asked too. */
  release (source: SchedulerSource, block: number): void {
    this.settle(source, block)
    if (this.states.giveUp(block, source.id)) this.dirtyAll()
  }

  /** Nothing more is expected of this source for this block. */
  settle (source: SchedulerSource, block: number): void {
    if (!source.asked.delete(block)) return
    source.askedBytes -= this.#sizeOf(block)
    source.isDirty = true
    this.#free(source, this.#sizeOf(block))
    this.#idleCheck(source)
  }

  /** Bytes are expected no longer. Where there was no room for a block, others may have been passed over for that. */
  #free (source: SchedulerSource, bytes: number): void {
    const wasShort = Math.min(this.roomBytes, this.#unprovenRoom) < this.#maxBlockBytes
    this.#expect(source, -bytes)
    if (wasShort) this.dirtyAll()
  }

  #expect (source: SchedulerSource, bytes: number): void {
    this.#outstandingBytes += bytes
    if (!source.hasGiven) this.#unprovenBytes += bytes
  }

  /**
   * Who comes and says that it holds what another lied about may be the same liar by a fresh name. Such a block is
   * asked of who has given a block before, else of who has been here longest, as long as they may give it.
   */
  isDoubtful (source: SchedulerSource, block: number, now: number): boolean {
    if (source.hasGiven || !this.doubted.has(block)) return false
    let isBefore = true
    for (const other of this.sources.values()) {
      if (other === source) isBefore = false
      else if ((isBefore || other.hasGiven) && other.mayGive(block, now)) return true
    }
    return false
  }

  dirtyAll (): void {
    for (const source of this.sources.values()) source.isDirty = true
  }

  /** How long the source took, before its bytes are here. */
  #noteWait (source: SchedulerSource, block: number, now: number): void {
    const asked = this.states.inFlight.get(block)?.asked.find(({ sourceId }) => sourceId === source.id)
    if (asked === undefined) return
    const { outstandingBytes } = source
    source.meter.onBlock({ waitMs: now - asked.since, bytes: this.#sizeOf(block), outstandingBytes })
  }

  #remember ({ id, silences, pausedUntil, breaks }: SchedulerSource): void {
    this.#gone.set(id, { silences, pausedUntil, breaks })
    for (const oldest of this.#gone.keys()) if (this.#gone.size > REMEMBERED_SILENT) this.#gone.delete(oldest)
  }

  /** What was set aside counts again. */
  #count (source: SchedulerSource): void {
    this.#expect(source, -source.outstandingBytes)
    source.isShelved = false
    this.#expect(source, source.outstandingBytes)
  }

  #idleCheck (source: SchedulerSource): void {
    if (source.outstandingBytes === 0) source.meter.onIdle()
  }
}
