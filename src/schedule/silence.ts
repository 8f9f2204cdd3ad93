import { Mode } from '../wire/protocol.ts'
import type { Ledger } from './ledger.ts'
import type { Action } from './plan.ts'

/**
 * Rule 4 of the plan: a source that is silent for long loses what it was asked, and is tried again after a pause that
 * grows. Pure; `wake` is told when it is to be looked again.
 */
export function takeFromSilent (ledger: Ledger, now: number, wake: (at: number) => void): Action[] {
  const actions: Action[] = []
  for (const source of ledger.sources.values()) {
    const isComing = source.wantGranted > source.wantUsed && !source.isShelved
    if (source.asked.size === 0 && !isComing) continue
    const { silentAt } = source.meter
    if (silentAt > now) {
      wake(silentAt)
      continue
    }
    // What it said it had chosen before its pass ended is not coming; what it may still choose may take its time.
    if (isComing && source.mode === Mode.choosing) ledger.shelve(source)
    else if (isComing) ledger.endGrants(source, source.wantUsed)
    const { inFlight } = ledger.states
    const waiting = [...source.asked].filter(block => inFlight.get(block)?.storingFrom !== source.id)
    if (waiting.length === 0) {
      // All that it was asked for is here, and on its way to our disk.
      source.meter.onLife(now)
      continue
    }
    for (const block of waiting) ledger.release(source, block)
    actions.push({ type: 'cancel', sourceId: source.id, blocks: waiting })
    // Who has given nothing yet may never do: such a block is asked of who has, first.
    if (!source.hasGiven) for (const block of waiting) ledger.doubted.add(block)
    source.silence(now)
    wake(source.pausedUntil)
  }
  return actions
}
