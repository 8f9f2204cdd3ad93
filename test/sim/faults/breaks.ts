import { Ledger } from '../../../src/schedule/ledger.ts'
import { SourceMeter } from '../../../src/schedule/source-meter.ts'
import { Keepalive } from '../../../src/swarm/keepalive.ts'
import type { DiskManners } from './mount.ts'

/** What is broken on purpose in a run, to see that it is found. */
export interface Breaks extends DiskManners {
  /** Wrong bytes pass for right ones. */
  readonly isBlind?: boolean
  /** Who sent wrong bytes is kept. */
  readonly keepsLiars?: boolean
  /** Breaks the library's own code; returns how to mend it. */
  readonly patch?: () => () => void
}

/** A promise broken on purpose, one at a time: `npm run simulate -- faults --break NAME`. */
export interface Break {
  readonly name: string
  readonly promise: string
  readonly what: string
  readonly breaks: Breaks
}

export const BREAKS: readonly Break[] = [
  { name: 'blind', promise: 'I1, I10', what: 'the hash takes wrong bytes for right ones', breaks: { isBlind: true } },
  { name: 'early', promise: 'I2', what: 'a write is said to have returned when it has begun', breaks: { returnsEarly: true } },
  { name: 'unsynced', promise: 'I2', what: 'a sync does nothing', breaks: { syncsNothing: true } },
  {
    name: 'budget',
    promise: 'I3',
    what: 'the budget of a pull is never used up',
    breaks: { patch: () => replaced(Ledger.prototype, 'roomBytes', { get: () => 1e12 }) }
  },
  {
    name: 'release',
    promise: 'I3, I4',
    what: 'a block that a source will not give stays asked of it',
    breaks: { patch: () => replaced(Ledger.prototype, 'release', { value: () => {} }) }
  },
  { name: 'kept', promise: 'I5', what: 'who sent wrong bytes is kept', breaks: { keepsLiars: true } },
  {
    name: 'timers',
    promise: 'I8',
    what: 'a session leaves its timer behind',
    breaks: { patch: () => replaced(Keepalive.prototype, 'stop', { value: () => {} }) }
  },
  {
    name: 'patient',
    promise: 'every pull ends',
    what: 'a silent source keeps what it was asked for',
    breaks: { patch: () => replaced(SourceMeter.prototype, 'silentAt', { get: () => 1e12 }) }
  }
]

function replaced (owner: object, name: string, by: PropertyDescriptor): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, name)
  if (before === undefined) throw new Error(`${name} is not there to be broken`)
  Object.defineProperty(owner, name, { configurable: true, ...by })
  return () => { Object.defineProperty(owner, name, before) }
}
