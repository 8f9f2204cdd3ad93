import {
  BLOCKS_PER_PLAN, ENDGAME_AFTER_MS, ENDGAME_ASKED, ENDGAME_FEW_BLOCKS, ENDGAME_MORE_MS, ENDGAME_STEP_MS, PLENTY_BLOCKS,
  SPARE_GRACE_MS, SPARE_STEP_MS, USELESS_IN_A_ROW
} from '../defaults.ts'
import { Mode } from '../wire/protocol.ts'
import { pick, trim } from './picker.ts'
import { rivalOf } from './rival.ts'
import { takeFromSilent } from './silence.ts'
import { queueMsOf } from './source-meter.ts'
import { Turns } from './turns.ts'
import type { Availability } from './availability.ts'
import type { Ledger } from './ledger.ts'
import type { SchedulerSource } from './scheduler-source.ts'

// The rules (SWARM-POLICY.md section 3), one method each, the fourth in silence.ts:
//   1  a source is asked for the rarest blocks it holds, up to its credit and the pull's budget (I3)
//   2  a choosing publisher is granted bytes instead, and chooses
//   3  a spare publisher is asked freely only for what nobody else holds, and for more the longer blocks are scarce
//   4  a source silent for 5 s loses what it was asked; it is tried again after a pause that grows
//   5  when nothing is missing any more, what is in flight too long is asked of a second holder, and of a third
//      and fourth when that does not come for seconds

export type Action =
  | { readonly type: 'request', readonly sourceId: string, readonly blocks: readonly number[] }
  | { readonly type: 'cancel', readonly sourceId: string, readonly blocks: readonly number[] }
  | { readonly type: 'want', readonly sourceId: string, readonly upTo: number }

export interface PlanParts {
  ledger: Ledger
  availability: Availability
  sizeOf: (block: number) => number
  maxBlockBytes: number
  random: () => number
  spareGraceMs?: number
}

/** Decides what is asked of whom next, from the ledger and the availability, and writes it into the ledger. Pure. */
export class Plan {
  readonly #ledger: Ledger
  readonly #availability: Availability
  readonly #sizeOf: (block: number) => number
  readonly #maxBlockBytes: number
  readonly #random: () => number
  readonly #spareGraceMs: number
  readonly #actions: Action[] = []
  /** Since when blocks have been missing that no open source had room for. */
  #scarceSince: number | undefined
  #wakeAt: number | undefined
  /** Not before this is the endgame looked at again, while much is on its way. */
  #endgameAt = 0
  #openQueueMs = 0

  constructor (parts: PlanParts) {
    this.#ledger = parts.ledger
    this.#availability = parts.availability
    this.#sizeOf = parts.sizeOf
    this.#maxBlockBytes = parts.maxBlockBytes
    this.#random = parts.random
    this.#spareGraceMs = parts.spareGraceMs ?? SPARE_GRACE_MS
  }

  /** When `next` should be called again though nothing happened, in the clock's ms; undefined for never. */
  get wakeAt (): number | undefined {
    return this.#wakeAt
  }

  /** What to ask of whom now. */
  next (now: number): Action[] {
    this.#wakeAt = undefined
    this.#actions.push(...takeFromSilent(this.#ledger, now, at => { this.#wake(at) }))
    const turns = new Turns(() => this.#ledger.roomBytes >= this.#ledger.states.leastMissingBytes)
    const spares: SchedulerSource[] = []
    let open = 0
    for (const source of this.#ledger.sources.values()) {
      if (source.mode === Mode.open) open++
      if (source.lookAgainAt <= now) source.isDirty = true
      else if (source.lookAgainAt < Infinity) this.#wake(source.lookAgainAt)
      if (source.mode === Mode.spare) spares.push(source)
      else if (source.isDirty) turns.add(source)
    }
    this.#openQueueMs = queueMsOf(open)
    // Who is passed by for want of room is asked when there is some; the silent, who hold it, have been dropped above.
    for (let source = turns.next(); source !== undefined; source = turns.next()) {
      if (source.mode === Mode.open) this.#fill(source, now, BLOCKS_PER_PLAN)
      else this.#grant(source, now)
    }
    this.#fillSpare(spares, now)
    if (this.#ledger.states.missing.count === 0) this.#endgame(now)
    return this.#actions.splice(0)
  }

  /** Rule 1. */
  #fill (source: SchedulerSource, now: number, most: number, leave?: (block: number) => boolean): void {
    if (source.pausedUntil > now) {
      this.#wake(source.pausedUntil)
      return
    }
    source.lookAgainAt = Infinity
    const limit = source.mostBytes(this.#maxBlockBytes, this.#openQueueMs)
    const room = Math.min(limit - source.outstandingBytes, this.#ledger.roomFor(source))
    const { blocks, seen } = room < this.#ledger.states.leastMissingBytes
      ? { blocks: [], seen: 0 }
      : pick({
        holdings: source.holdings,
        coming: source.coming,
        missing: this.#ledger.states.missing,
        rarity: block => this.#availability.of(block),
        sizeOf: this.#sizeOf,
        budgetBytes: room,
        most,
        random: this.#random,
        skip: block => leave?.(block) === true || this.#isPassedOver(source, block, now)
      })
    if (blocks.length < most) source.isDirty = false
    const credit = source.meter.creditBytes(this.#maxBlockBytes, this.#openQueueMs)
    if (seen < PLENTY_BLOCKS) trim(blocks, credit - source.outstandingBytes, this.#sizeOf)
    if (blocks.length > 0) this.#ask(source, blocks, now)
  }

  /** Rule 2: keep what is granted at the credit, in steps large enough not to chatter. */
  #grant (source: SchedulerSource, now: number): void {
    source.isDirty = false
    const credit = source.meter.grantBytes(this.#maxBlockBytes)
    if (source.useless > USELESS_IN_A_ROW && source.uselessUntil > now) {
      source.lookAgainAt = source.uselessUntil
      this.#wake(source.uselessUntil)
      return
    }
    source.lookAgainAt = Infinity
    const open = source.wantGranted - source.wantUsed
    const { missingBytes } = this.#ledger.states
    const largest = Math.min(this.#maxBlockBytes, missingBytes)
    if (source.isShelved && open >= largest) return
    // What was set aside counts again with the next grant.
    const roomBytes = this.#ledger.roomFor(source) - (source.isShelved ? open : 0)
    const room = Math.min(credit - source.outstandingBytes, roomBytes, missingBytes - open)
    const step = Math.min(credit / 4, missingBytes - open)
    // A rest too small for any block must not stand for ever: with nothing on its way there is room for the largest.
    const isFree = source.asked.size === 0 && roomBytes >= largest - open
    const least = isFree ? largest - open : 0
    if (least <= 0 && (room <= 0 || room < step)) return
    this.#want(source, Math.ceil(Math.max(room, least)), now)
  }

  /** Rule 3. */
  #fillSpare (spares: readonly SchedulerSource[], now: number): void {
    if (this.#ledger.states.missing.count === 0 || spares.length === 0) {
      this.#scarceSince = undefined
      return
    }
    this.#scarceSince ??= now
    for (const source of spares) {
      // A spare publisher has seen every block in other hands: the peer exchange that names them gets its time. What
      // nobody else holds after that is asked for freely.
      source.spareSince ??= now
      const freeAt = source.spareSince + this.#spareGraceMs
      const isFree = freeAt <= now
      const { doubted } = this.#ledger
      // Looks at every missing block: only after something changed. What somebody lied about is asked for at once.
      if (source.isDirty && (isFree || doubted.size > 0)) {
        this.#fill(source, now, BLOCKS_PER_PLAN, block => {
          return !doubted.has(block) && (!isFree || this.#availability.of(block) > spares.length)
        })
      }
      source.isDirty ||= !isFree
      if (!isFree) this.#wake(freeAt)
      // What others hold too, but have had no room for: the longer that lasts, the more of it, so that a short tail
      // costs nothing and a publisher much faster than the swarm is not left idle.
      // The grain of salt keeps a wake-up at the very moment from coming again and again for the last bit of a float.
      const allowed = Math.floor((now - this.#scarceSince) / SPARE_STEP_MS + 1e-6)
      if (source.asked.size < allowed) this.#fill(source, now, Math.min(allowed - source.asked.size, BLOCKS_PER_PLAN))
      this.#wake(this.#scarceSince + (allowed + 1) * SPARE_STEP_MS)
    }
  }

  /** Rule 5. */
  #endgame (now: number): void {
    if (this.#ledger.states.inFlight.size > ENDGAME_FEW_BLOCKS) {
      if (this.#endgameAt > now) return this.#wake(this.#endgameAt)
      this.#endgameAt = now + ENDGAME_STEP_MS
    }
    for (const flight of this.#ledger.states.inFlight.values()) {
      const last = flight.asked.at(-1)
      if (last === undefined || flight.asked.length >= ENDGAME_ASKED || flight.storingFrom !== undefined) continue
      const { sources } = this.#ledger
      const rttMs = sources.get(last.sourceId)?.meter.rttMs ?? 0
      const readyAt = last.since + (flight.asked.length > 1 ? ENDGAME_MORE_MS : rttMs + ENDGAME_AFTER_MS)
      if (readyAt > now) {
        this.#wake(readyAt)
        continue
      }
      // The second request counts as much as the first one (I3).
      const { block } = flight
      const bytes = this.#sizeOf(block)
      const holders = this.#ledger.roomBytes > 0 ? sources.values() : []
      const rival = rivalOf(holders, {
        block,
        bytes,
        asked: flight.asked.map(({ sourceId }) => sources.get(sourceId)),
        now,
        isPassedOver: source => this.#ledger.roomFor(source) <= 0 || this.#isPassedOver(source, block, now)
      })
      if (rival === undefined) this.#wake(now + ENDGAME_STEP_MS)
      // It gives what we lack of its pool: with nothing else missing, this block.
      else if (rival.mode === Mode.choosing) this.#want(rival, bytes - rival.outstandingBytes, now)
      else this.#ask(rival, [block], now)
    }
  }

  #want (source: SchedulerSource, bytes: number, now: number): void {
    this.#ledger.grant(source, bytes, now)
    this.#actions.push({ type: 'want', sourceId: source.id, upTo: source.wantGranted })
    this.#wake(source.meter.silentAt)
  }

  #ask (source: SchedulerSource, blocks: readonly number[], now: number): void {
    this.#ledger.ask(source, blocks, now)
    this.#actions.push({ type: 'request', sourceId: source.id, blocks })
    this.#wake(source.meter.silentAt)
  }

  /** It would not give the block a while ago, or is not believed to have it. */
  #isPassedOver (source: SchedulerSource, block: number, now: number): boolean {
    if (this.#ledger.doubted.size > 0 && this.#ledger.isDoubtful(source, block, now)) return true
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

  #wake (at: number): void {
    if (this.#wakeAt === undefined || at < this.#wakeAt) this.#wakeAt = at
  }
}
