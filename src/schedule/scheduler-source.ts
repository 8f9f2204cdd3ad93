import { ENDGAME_STEP_MS, LAGGARD_CREDIT_BLOCKS, MAX_PAUSE_MS, SILENT_SOURCE_MS } from '../defaults.ts'
import { Mode } from '../wire/protocol.ts'
import { SourceMeter } from './source-meter.ts'
import type { Bitfield } from '../model/bitfield.ts'

/** What the scheduler knows of one source. A record of state; the rules are in scheduler.ts. */
export class SchedulerSource {
  readonly id: string
  /** Peers are asked before origins (I9: an origin differs in cost and credit only). */
  readonly cost: number
  readonly holdings: Bitfield
  /** What is coming to it: it gives that once it holds it. */
  readonly coming = new Set<number>()
  readonly meter = new SourceMeter()
  /** Blocks asked of it and neither stored nor given up. */
  readonly asked = new Set<number>()
  /** Blocks it was asked for and would not give; not asked again before the time given. */
  readonly refused = new Map<number, number>()
  /** The block whose header came last, if it was wanted then. */
  arriving: number | undefined
  mode: Mode = Mode.open
  /** Sum of the sizes of `asked`. */
  askedBytes = 0
  /** Bytes a choosing publisher may send of its own choice, from the start: what we granted, and what has come. */
  wantGranted = 0
  wantUsed = 0
  /** It was silent: what it may still choose takes nothing of the budget until it comes. */
  isShelved = false
  /** Nothing is asked before this time: it was silent, or said so. */
  pausedUntil = 0
  /** Since when it has been a spare publisher, as far as we have looked. */
  spareSince: number | undefined
  silences = 0
  /** Sessions that ended while something was asked of it, since it last gave something. */
  breaks = 0
  /** A block that it gave was stored. */
  hasGiven = false
  /** Blocks that it would not give since it last gave one. */
  refusals = 0
  /** Blocks of its choice that were of no use since it last chose one that was. */
  useless = 0
  /** Not asked in the endgame before this time. */
  uselessUntil = 0
  /** Something changed that may let us ask it for more. */
  isDirty = true
  /** When a block that it refused may be asked for again, if one was passed over for that. */
  lookAgainAt = Infinity

  constructor (id: string, cost: number, holdings: Bitfield) {
    this.id = id
    this.cost = cost
    this.holdings = holdings
  }

  /** Bytes asked of it and not yet stored: what I3 bounds by its credit. */
  get outstandingBytes (): number {
    return this.askedBytes + (this.isShelved ? 0 : Math.max(0, this.wantGranted - this.wantUsed))
  }

  /** It holds the block or is about to, and has not said or shown that it does not give it now. */
  mayGive (block: number, now: number): boolean {
    if (this.mode === Mode.closed || this.pausedUntil > now) return false
    if (!this.holdings.has(block) && !this.coming.has(block)) return false
    return (this.refused.get(block) ?? now) <= now
  }

  /** It gave nothing for long, up to `now`: it is asked again after a pause that grows. */
  silence (now: number): void {
    this.meter.onFailed()
    this.pausedUntil = now + Math.min(SILENT_SOURCE_MS * 2 ** this.silences++, MAX_PAUSE_MS)
    this.isDirty = true
  }

  /** It chose what we have. That may cross with what we said; who does it again and again only fills our line. */
  onUseless (now: number): void {
    this.uselessUntil = now + Math.min(ENDGAME_STEP_MS * 2 ** this.useless++, MAX_PAUSE_MS)
  }

  /**
   * Its credit (I3): the most that may be asked of it. While it has little for us, only the meter's is used up. Whoever
   * lags finds plenty everywhere: a second block on its way keeps a slow start from lasting for ever, when requests
   * wait behind its own uploads, and so each block takes long, which reads like a slow source.
   */
  mostBytes (maxBlockBytes: number, queueMs?: number): number {
    const { meter } = this
    if (this.mode === Mode.choosing) return meter.grantBytes(maxBlockBytes)
    const credit = meter.creditBytes(maxBlockBytes, queueMs)
    return Math.max(credit, LAGGARD_CREDIT_BLOCKS * maxBlockBytes, meter.promptBytes)
  }
}
