import { Mode } from '../wire/protocol.ts'
import type { SchedulerSource } from './scheduler-source.ts'

export interface RivalParts {
  block: number
  bytes: number
  /** The sources that the block was asked of and that have not delivered it. */
  asked: ReadonlyArray<SchedulerSource | undefined>
  now: number
  isPassedOver: (source: SchedulerSource) => boolean
}

/** In the endgame: the source to ask too for a block, one from which nothing else is on its way. Pure. */
export function rivalOf (sources: Iterable<SchedulerSource>, parts: RivalParts): SchedulerSource | undefined {
  let best: SchedulerSource | undefined
  const isBetter = parts.asked.some(source => source?.hasGiven === true) ? isCheaper : isSurer
  for (const source of sources) {
    if (parts.asked.includes(source) || !source.holdings.has(parts.block) || !isIdle(source, parts)) continue
    if (!parts.isPassedOver(source) && (best === undefined || isBetter(source, best))) best = source
  }
  return best
}

function isIdle (source: SchedulerSource, { bytes, now }: RivalParts): boolean {
  if (source.mode === Mode.closed || source.pausedUntil > now || source.asked.size > 0) return false
  if (source.mode !== Mode.choosing) return source.outstandingBytes === 0
  // A rest of a grant that is too small for the block leaves a publisher idle.
  return !source.isShelved && source.uselessUntil <= now && source.outstandingBytes < bytes
}

/**
 * Who was never silent first. Among those a peer before a publisher that chooses, and that before a spare one, however
 * fast they are: a peer's bytes are no copies, and what is in the pool has to leave it anyway. Among equals who has
 * given before who may never do, and then the faster one.
 */
function isCheaper (a: SchedulerSource, b: SchedulerSource): boolean {
  if ((a.silences > 0) !== (b.silences > 0)) return a.silences === 0
  if (a.mode === b.mode && a.hasGiven !== b.hasGiven) return a.hasGiven
  return a.mode === b.mode ? a.meter.rateBytesPerSec > b.meter.rateBytesPerSec : a.mode < b.mode
}

/** Where nobody who was asked has ever given anything, others who have not may be of their kind. */
function isSurer (a: SchedulerSource, b: SchedulerSource): boolean {
  return a.hasGiven === b.hasGiven ? isCheaper(a, b) : a.hasGiven
}
