import { ENDGAME_AFTER_MS, PULL_BUDGET_BYTES, SILENT_SOURCE_MS, SPARE_GRACE_MS, SPARE_STEP_MS } from '../defaults.ts'
import { Mode } from '../wire/protocol.ts'
import { Availability } from './availability.ts'
import type { BlockStates } from './block-states.ts'
import { pick } from './picker.ts'
import { SchedulerSource } from './scheduler-source.ts'
import type { Bitfield } from '../model/bitfield.ts'

// The loop that decides who is asked for which block. Pure: time and randomness are arguments, what to do comes out as
// values. Events go in by the on… methods, `plan` gives what to send, `wakeAt` says when time alone changes the answer.
//
// Rules (SWARM-POLICY.md section 3):
//   1  a source is asked for the rarest blocks it holds, up to its credit and the pull's budget (I3)
//   2  a choosing publisher is granted bytes instead, and chooses
//   3  a spare publisher is asked only for what no other holder has had room for, for a round trip + 100 ms
//   4  a source silent for 5 s loses what it was asked; it is tried again after a pause that grows
//   5  when nothing is missing any more, what is in flight too long is asked of a second holder, at most

export type Action =
  | { readonly type: 'request', readonly sourceId: string, readonly blocks: readonly number[] }
  | { readonly type: 'cancel', readonly sourceId: string, readonly blocks: readonly number[] }
  | { readonly type: 'want', readonly sourceId: string, readonly upTo: number }

export interface SchedulerParts {
  states: BlockStates
  sizeOf: (block: number) => number
  maxBlockBytes: number
  random: () => number
  budgetBytes?: number
}

const MAX_PAUSE_MS = 60_000
const BLOCKS_PER_PLAN = 64

export class Scheduler {
  readonly states: BlockStates
  readonly availability: Availability
  readonly #sources = new Map<string, SchedulerSource>()
  readonly #sizeOf: (block: number) => number
  readonly #maxBlockBytes: number
  readonly #random: () => number
  readonly #budgetBytes: number
  #actions: Action[] = []
  #outstandingBytes = 0
  /** Since when blocks have been missing that no open source had room for. */
  #scarceSince: number | undefined
  #wakeAt: number | undefined

  constructor (parts: SchedulerParts) {
    this.states = parts.states
    this.#sizeOf = parts.sizeOf
    this.#maxBlockBytes = parts.maxBlockBytes
    this.#random = parts.random
    this.#budgetBytes = Math.max(parts.budgetBytes ?? PULL_BUDGET_BYTES, 2 * parts.maxBlockBytes)
    this.availability = new Availability(parts.states.stored.length)
  }

  /** Bytes asked of all sources and not yet stored. */
  get outstandingBytes (): number {
    return this.#outstandingBytes
  }

  get sources (): ReadonlyMap<string, SchedulerSource> {
    return this.#sources
  }

  /** When `plan` should be called again though nothing happened, in the clock's ms; undefined for never. */
  get wakeAt (): number | undefined {
    return this.#wakeAt
  }

  /** A source appears with what it holds; the bitfield is handed over. */
  addSource (id: string, holdings: Bitfield, mode: Mode, cost = 0): void {
    if (this.#sources.has(id)) this.removeSource(id)
    const source = new SchedulerSource(id, cost, holdings)
    source.mode = mode
    this.#sources.set(id, source)
    this.availability.add(holdings)
  }

  /** A source is gone: what it was asked for is missing again. */
  removeSource (id: string): void {
    const source = this.#sources.get(id)
    if (source === undefined) return
    for (const block of [...source.asked]) this.#release(source, block)
    this.#outstandingBytes -= source.outstandingBytes
    this.#sources.delete(id)
    this.availability.remove(source.holdings)
    this.#dirtyAll()
  }

  onHave (id: string, block: number): void {
    const source = this.#sources.get(id)
    if (source === undefined || !this.availability.addOne(source.holdings, block)) return
    source.refused.delete(block)
    if (this.states.missing.has(block)) source.isDirty = true
  }

  /** `given`: what a publisher has chosen and sent so far, perhaps still on its way; the rest of our grants is void. */
  onMode (id: string, mode: Mode, given: number): void {
    const source = this.#sources.get(id)
    if (source === undefined) return
    this.#outstandingBytes -= source.outstandingBytes
    source.mode = mode
    source.wantGranted = Math.max(source.wantUsed, Math.min(source.wantGranted, given))
    this.#outstandingBytes += source.outstandingBytes
    source.isDirty = true
    this.#idleCheck(source)
  }

  onRoundTrip (id: string, ms: number): void {
    this.#sources.get(id)?.meter.onRoundTrip(ms)
  }

  onBytes (id: string, bytes: number, now: number): void {
    const source = this.#sources.get(id)
    if (source === undefined) return
    source.meter.onBytes(now, bytes)
    source.silences = 0
  }

  /**
   * The header of a block has come.
   *
   * @returns false when it was neither asked of this source nor covered by what it may choose, or is here already:
   *   its bytes are of no use
   */
  onArriving (id: string, block: number, now: number): boolean {
    const source = this.#sources.get(id)
    if (source === undefined || block >= this.states.stored.length) return false
    const size = this.#sizeOf(block)
    const isGranted = source.wantUsed + size <= source.wantGranted
    if (source.asked.has(block)) {
      // Asked for after the publisher's pass, while the very block it had chosen was on its way: this is that one.
      if (isGranted && source.mode !== Mode.choosing) {
        source.wantUsed += size
        this.#outstandingBytes -= size
      }
      return true
    }
    if (!isGranted) return false
    // Chosen by the publisher: moves from what was granted to what is asked, so the sum stays.
    source.wantUsed += size
    if (!this.states.missing.has(block)) {
      this.#outstandingBytes -= size
      source.isDirty = true
      return false
    }
    source.asked.add(block)
    source.askedBytes += size
    this.states.ask(block, id, now)
    return true
  }

  /** The bytes of a block have come and are being verified and written. The other source asked, if any, is told off. */
  onReceived (id: string, block: number): boolean {
    const flight = this.states.inFlight.get(block)
    const source = this.#sources.get(id)
    if (flight === undefined || source === undefined || !source.asked.has(block)) return false
    if (flight.storingFrom !== undefined) {
      this.#release(source, block)
      return false
    }
    this.states.storing(block, id)
    for (const other of [...flight.asked]) {
      if (other.sourceId === id) continue
      const rival = this.#sources.get(other.sourceId)
      if (rival === undefined) continue
      this.#release(rival, block)
      this.#actions.push({ type: 'cancel', sourceId: rival.id, blocks: [block] })
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
    for (const { sourceId } of flight?.asked ?? []) {
      const source = this.#sources.get(sourceId)
      if (source === undefined) continue
      this.#forget(source, block)
      if (sourceId !== id) this.#actions.push({ type: 'cancel', sourceId, blocks: [block] })
    }
    return true
  }

  /** A copy of a missing block was found on this machine and is stored. */
  onFound (block: number): void {
    if (this.states.missing.has(block)) this.states.store(block)
  }

  /** The source will not give these blocks, or what it gave was wrong, or could not be written. */
  onRefused (id: string, blocks: readonly number[], retryAt: number): void {
    const source = this.#sources.get(id)
    if (source === undefined) return
    for (const block of blocks) {
      if (!source.asked.has(block)) continue
      source.refused.set(block, retryAt)
      this.#release(source, block)
    }
  }

  /** The source does not hold this block (any more). */
  onNotHeld (id: string, block: number): void {
    const source = this.#sources.get(id)
    if (source === undefined || block >= this.states.stored.length) return
    if (source.asked.has(block)) this.#release(source, block)
    this.availability.removeOne(source.holdings, block)
    // A spare publisher may be its only holder now.
    this.#dirtyAll()
  }

  /** What to send now. Call after events, and at `wakeAt`. */
  plan (now: number): Action[] {
    this.#wakeAt = undefined
    this.#dropSilent(now)
    for (const source of this.#sources.values()) {
      if (source.lookAgainAt <= now) source.isDirty = true
      else if (source.lookAgainAt < Infinity) this.#wake(source.lookAgainAt)
    }
    const byCost = [...this.#sources.values()].filter(source => source.isDirty)
    byCost.sort((a, b) => a.cost - b.cost || a.askedBytes - b.askedBytes)
    for (const source of byCost) {
      if (source.mode === Mode.open) this.#fill(source, now, BLOCKS_PER_PLAN)
      else if (source.mode === Mode.choosing) this.#grant(source, now)
    }
    this.#fillSpare(now)
    if (this.states.missing.count === 0) this.#endgame(now)
    const actions = this.#actions
    this.#actions = []
    return actions
  }

  /** Rule 1. */
  #fill (source: SchedulerSource, now: number, most: number, leave?: (block: number) => boolean): void {
    if (source.pausedUntil > now) {
      this.#wake(source.pausedUntil)
      return
    }
    source.lookAgainAt = Infinity
    const credit = source.meter.creditBytes(this.#maxBlockBytes)
    let room = Math.min(credit - source.outstandingBytes, this.#budgetBytes - this.#outstandingBytes)
    // An idle source always gets one block, whatever its credit says.
    if (source.outstandingBytes === 0 && this.#outstandingBytes < this.#budgetBytes) {
      room = Math.max(room, this.#maxBlockBytes)
    }
    const blocks = room <= 0
      ? []
      : pick({
        holdings: source.holdings,
        missing: this.states.missing,
        rarity: block => this.availability.of(block),
        sizeOf: this.#sizeOf,
        budgetBytes: room,
        most,
        random: this.#random,
        skip: block => leave?.(block) === true || (source.refused.size > 0 && this.#isRefused(source, block, now))
      })
    if (blocks.length < most) source.isDirty = false
    if (blocks.length > 0) this.#ask(source, blocks, now)
  }

  /** Rule 2: keep what is granted at the credit, in steps large enough not to chatter. */
  #grant (source: SchedulerSource, now: number): void {
    source.isDirty = false
    const credit = source.meter.creditBytes(this.#maxBlockBytes, true)
    const open = source.wantGranted - source.wantUsed
    const room = Math.min(credit - source.outstandingBytes, this.#budgetBytes - this.#outstandingBytes,
      this.states.missingBytes - open)
    const step = Math.min(credit / 4, this.states.missingBytes - open)
    // A rest too small for any block must not stand for ever: with nothing on its way there is room for the largest.
    const isFree = source.asked.size === 0 && this.#outstandingBytes < this.#budgetBytes
    const least = isFree ? Math.min(this.#maxBlockBytes, this.states.missingBytes) - open : 0
    if (least <= 0 && (room <= 0 || room < step)) return
    const more = Math.ceil(Math.max(room, least))
    source.wantGranted += more
    this.#outstandingBytes += more
    source.meter.onAsked(now)
    this.#actions.push({ type: 'want', sourceId: source.id, upTo: source.wantGranted })
  }

  /** Rule 3. */
  #fillSpare (now: number): void {
    const spares = [...this.#sources.values()].filter(source => source.mode === Mode.spare)
    if (this.states.missing.count === 0 || spares.length === 0) {
      this.#scarceSince = undefined
      return
    }
    this.#scarceSince ??= now
    for (const source of spares) {
      // A spare publisher has seen every block in other hands: the peer exchange that names them gets its time. What
      // nobody else holds after that is asked for freely.
      source.spareSince ??= now
      const freeAt = source.spareSince + SPARE_GRACE_MS
      if (freeAt > now) this.#wake(freeAt)
      // Looks at every missing block when there is nothing for it: only after something changed, not at every plan.
      else if (source.isDirty) {
        this.#fill(source, now, BLOCKS_PER_PLAN, block => this.availability.of(block) > spares.length)
      }
      // What others hold too, but have had no room for: the longer that lasts, the more of it, so that a short tail
      // costs
      // nothing and a publisher much faster than the swarm is not left idle.
      // The grain of salt keeps a wake-up at the very moment from coming again and again for the last bit of a float.
      const allowed = Math.floor((now - this.#scarceSince) / SPARE_STEP_MS + 1e-6)
      if (source.asked.size < allowed) this.#fill(source, now, allowed - source.asked.size)
      this.#wake(this.#scarceSince + (allowed + 1) * SPARE_STEP_MS)
    }
  }

  /** Rule 4. */
  #dropSilent (now: number): void {
    for (const source of this.#sources.values()) {
      const isComing = source.mode !== Mode.choosing && source.wantGranted > source.wantUsed
      if (source.asked.size === 0 && !isComing) continue
      const silentAt = source.meter.lastBytesAt + SILENT_SOURCE_MS
      if (silentAt > now) {
        this.#wake(silentAt)
        continue
      }
      // What it said it had chosen before its pass ended is not coming.
      if (isComing) this.#voidGrants(source)
      const waiting = [...source.asked].filter(block => this.states.inFlight.get(block)?.storingFrom !== source.id)
      if (waiting.length === 0) continue
      for (const block of waiting) this.#release(source, block)
      this.#actions.push({ type: 'cancel', sourceId: source.id, blocks: waiting })
      source.meter.onFailed()
      source.pausedUntil = now + Math.min(SILENT_SOURCE_MS * 2 ** source.silences++, MAX_PAUSE_MS)
      source.isDirty = true
      this.#wake(source.pausedUntil)
    }
  }

  #voidGrants (source: SchedulerSource): void {
    this.#outstandingBytes -= Math.max(0, source.wantGranted - source.wantUsed)
    source.wantGranted = source.wantUsed
    source.isDirty = true
  }

  /** Rule 5. */
  #endgame (now: number): void {
    for (const flight of this.states.inFlight.values()) {
      const first = flight.asked[0]
      if (first === undefined || flight.asked.length > 1 || flight.storingFrom !== undefined) continue
      const owner = this.#sources.get(first.sourceId)
      const readyAt = first.since + (owner?.meter.rttMs ?? 0) + ENDGAME_AFTER_MS
      if (readyAt > now) {
        this.#wake(readyAt)
        continue
      }
      // The second request counts as much as the first one (I3).
      const hasRoom = this.#outstandingBytes < this.#budgetBytes
      const rival = hasRoom ? this.#idleHolder(flight.block, first.sourceId, now) : undefined
      if (rival !== undefined) this.#ask(rival, [flight.block], now)
      else this.#wake(now + ENDGAME_AFTER_MS)
    }
  }

  #idleHolder (block: number, notId: string, now: number): SchedulerSource | undefined {
    let best: SchedulerSource | undefined
    for (const source of this.#sources.values()) {
      if (source.id === notId || source.outstandingBytes > 0 || source.pausedUntil > now) continue
      if (source.mode !== Mode.open && source.mode !== Mode.spare) continue
      if (!source.holdings.has(block) || this.#isRefused(source, block, now)) continue
      if (best === undefined || source.mode < best.mode || source.meter.rateBytesPerSec > best.meter.rateBytesPerSec) {
        best = source
      }
    }
    return best
  }

  #ask (source: SchedulerSource, blocks: readonly number[], now: number): void {
    source.meter.onAsked(now)
    for (const block of blocks) {
      this.states.ask(block, source.id, now)
      source.asked.add(block)
      source.askedBytes += this.#sizeOf(block)
      this.#outstandingBytes += this.#sizeOf(block)
    }
    this.#actions.push({ type: 'request', sourceId: source.id, blocks })
    this.#wake(source.meter.lastBytesAt + SILENT_SOURCE_MS)
  }

  #isRefused (source: SchedulerSource, block: number, now: number): boolean {
    const retryAt = source.refused.get(block)
    if (retryAt === undefined) return false
    if (retryAt > now) {
      source.lookAgainAt = Math.min(source.lookAgainAt, retryAt)
      this.#wake(retryAt)
      return true
    }
    source.refused.delete(block)
    return false
  }

  /** The source will not deliver this block: it is missing again unless another was asked too. */
  #release (source: SchedulerSource, block: number): void {
    this.#forget(source, block)
    if (this.states.giveUp(block, source.id)) this.#dirtyAll()
  }

  #forget (source: SchedulerSource, block: number): void {
    if (!source.asked.delete(block)) return
    source.askedBytes -= this.#sizeOf(block)
    this.#outstandingBytes -= this.#sizeOf(block)
    source.isDirty = true
    this.#idleCheck(source)
    if (this.#outstandingBytes + this.#maxBlockBytes > this.#budgetBytes) this.#dirtyAll()
  }

  #idleCheck (source: SchedulerSource): void {
    if (source.outstandingBytes === 0) source.meter.onIdle()
  }

  #dirtyAll (): void {
    for (const source of this.#sources.values()) source.isDirty = true
  }

  #wake (at: number): void {
    if (this.#wakeAt === undefined || at < this.#wakeAt) this.#wakeAt = at
  }
}
