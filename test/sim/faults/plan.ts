import { LIES } from './liar.ts'
import type { LiarPlan, Lie } from './liar.ts'
import type { ModelShape } from './model.ts'
import type { NodeRates } from '../network.ts'
import type { OpenPolicy } from '../../../src/api.ts'

export type Role = 'publisher' | 'seeder' | 'puller'

export interface MachinePlan {
  readonly id: string
  readonly role: Role
  readonly open: OpenPolicy
  readonly rates: NodeRates
  readonly hints: readonly string[]
  /** Files that a partial pull leaves out. */
  readonly leavesOut: ReadonlySet<number>
  readonly budgetBytes: number
  readonly startsAt: number
  /** Leaves as soon as it has everything. */
  readonly leavesWhenComplete: boolean
}

export type FaultKind =
  | 'kill' | 'power cut' | 'leave' | 'reset' | 'reset in mid-frame' | 'stream reset' | 'stall' | 'late' | 'slow link'
  | 'write fails' | 'sync fails' | 'read fails' | 'state fails' | 'slow disk'

export interface Fault {
  readonly kind: FaultKind
  readonly at: number
  /** How long it lasts; of a machine that goes away, Infinity for ever. */
  readonly ms: number
  /** The machine it falls upon, where it is one. */
  readonly who: string
}

export interface RunPlan {
  readonly seed: number
  readonly shape: ModelShape
  readonly machines: readonly MachinePlan[]
  readonly liars: readonly LiarPlan[]
  readonly faults: readonly Fault[]
  /** After this nothing goes wrong any more that has not gone wrong for ever. */
  readonly healedAt: number
  readonly latencyMs: number
}

const KIB = 1024
const ON_MACHINES: readonly FaultKind[] = [
  'kill', 'power cut', 'leave', 'slow link', 'write fails', 'sync fails', 'read fails', 'state fails', 'slow disk'
]
const KINDS: readonly FaultKind[] = [
  ...ON_MACHINES, 'kill', 'power cut', 'power cut', 'reset', 'reset in mid-frame', 'reset in mid-frame', 'stream reset',
  'stall', 'late'
]

/** What happens in the run of this seed: who is there, and what goes wrong when. */
export function planRun (seed: number, random: () => number): RunPlan {
  const pick = <T>(from: readonly T[], otherwise: T): T => from[Math.floor(random() * from.length)] ?? otherwise
  const whole = (least: number, most: number): number => least + Math.floor(random() * (most - least + 1))
  const chance = (share: number): boolean => random() < share
  const isClean = chance(0.08)
  const isExact = chance(0.5)
  const shape = shapeOf(isExact, seed % 50 === 0, whole, chance)
  // Of a smaller model the messages about it would be what takes time.
  const fileBytes = shape.files.map(({ blocks, blockBytes }) => blocks * blockBytes)
  const modelBytes = Math.max(4 * KIB, fileBytes.reduce((sum, bytes) => sum + bytes, 0))
  const copyMs = 500 + random() ** 2 * 20_000
  const newRates = (): NodeRates => ({
    upBytesPerMs: modelBytes / copyMs * (0.3 + random() * 2), downBytesPerMs: modelBytes / copyMs * (1 + random() * 4)
  })
  const pullers = seed % 50 === 0 ? whole(1, 2) : whole(1, chance(0.2) ? 7 : 4)
  const liars = isClean || chance(0.4)
    ? []
    : Array.from({ length: whole(1, 3) }, (_, i): LiarPlan => ({
      id: `liar${i}`,
      lies: [pick<Lie>(LIES, 'silent'), ...(chance(0.4) ? [pick<Lie>(LIES, 'silent')] : [])],
      rates: newRates()
    }))
  const servers = [
    ...Array.from({ length: chance(0.15) ? 2 : 1 }, (_, i) => ({ id: `pub${i}`, role: 'publisher' as const })),
    ...Array.from({ length: isClean ? 0 : whole(0, 3) >> 1 }, (_, i) => ({ id: `seed${i}`, role: 'seeder' as const }))
  ]
  const names = [...servers.map(({ id }) => id), ...Array.from({ length: pullers }, (_, i) => `peer${i}`)]
  const knowsAll = chance(0.6)
  const open: OpenPolicy = chance(0.7) ? 'spare' : liars.length === 0 && chance(0.4) ? 'never' : 'always'
  const common = { open, leavesOut: new Set<number>(), budgetBytes: 48 * KIB * KIB, leavesWhenComplete: false }
  const maxBlockBytes = Math.max(...shape.files.map(({ blockBytes }) => blockBytes))
  const machines = servers.map((server): MachinePlan => {
    return { ...server, ...common, rates: newRates(), hints: [], startsAt: 0 }
  })
  for (let i = 0; i < pullers; i++) {
    const leavesOut = new Set(shape.files.length > 1 && chance(0.15) ? [whole(0, shape.files.length - 1)] : [])
    machines.push({
      ...common,
      id: `peer${i}`,
      role: 'puller',
      rates: newRates(),
      hints: [
        ...liars.flatMap(({ id }) => chance(0.6) ? [id] : []),
        ...names.filter((name, at) => name !== `peer${i}` && (knowsAll || at === 0 || chance(0.2)))
      ],
      leavesOut,
      budgetBytes: chance(0.5) ? common.budgetBytes : maxBlockBytes * whole(2, 12),
      startsAt: chance(0.6) ? random() * 50 : random() * copyMs,
      leavesWhenComplete: !isClean && chance(0.1)
    })
  }
  const faults = Array.from({ length: isClean ? 0 : whole(0, 9) }, (): Fault => {
    const kind = pick<FaultKind>(KINDS, 'kill')
    const who = chance(0.2) ? pick(names, 'pub0') : `peer${whole(0, pullers - 1)}`
    // Where not everybody knows everybody, somebody must stay that all know.
    const staysAway = (kind === 'leave' || kind === 'power cut') && chance(0.3) && (knowsAll || who !== 'pub0')
    return { kind, who, at: random() * copyMs * 2, ms: staysAway ? Infinity : 200 + random() ** 2 * 20_000 }
  })
  const ends = faults.map(({ at, ms }) => at + (ms === Infinity ? 0 : ms))
  const healedAt = Math.max(5000, ...ends, ...machines.map(({ startsAt }) => startsAt))
  return { seed, shape, machines, liars, faults, healedAt, latencyMs: 1 + random() ** 2 * 120 }
}

function shapeOf (
  isExact: boolean, isBig: boolean, whole: (least: number, most: number) => number, chance: (share: number) => boolean
): ModelShape {
  // Part files above 1 GiB are believed after a kill, not read again as a whole.
  if (isBig) {
    const blockBytes = 2 * KIB * KIB
    return { isExact: false, hasRepeats: false, files: [{ blocks: 514, blockBytes, lastBytes: blockBytes }] }
  }
  const files = Array.from({ length: whole(1, 3) }, () => {
    const blockBytes = isExact ? whole(48, 2048) : whole(1, 16) * 64 * KIB
    return { blocks: whole(1, chance(0.2) ? 60 : 20), blockBytes, lastBytes: whole(1, blockBytes) }
  })
  return { isExact, files, hasRepeats: chance(0.3) }
}
