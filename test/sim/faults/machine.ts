import { NetworkNode } from '../network.ts'
import { seededRandom } from '../virtual-clock.ts'
import { SimDisk } from './disk.ts'
import type { Line } from './line.ts'
import type { PeerProcess } from './peer.ts'
import type { MachinePlan, Role } from './plan.ts'
import type { World } from './world.ts'
import type { OpenPolicy } from '../../../src/api.ts'
import type { ManifestFile } from '../../../src/model/manifest.ts'

/** An honest machine: its disk and its link outlive the processes that run on it. */
export class Machine {
  readonly id: string
  readonly role: Role
  readonly open: OpenPolicy
  readonly hints: readonly string[]
  readonly budgetBytes: number
  readonly plan: MachinePlan
  readonly disk: SimDisk
  readonly node: NetworkNode
  readonly random: () => number
  process: PeerProcess | undefined
  /** Off for ever. */
  isGone = false
  /** Without power: who dials hears nothing. */
  isDark = false
  /** When a program is started here again, if one is to be. */
  restartsAt: number | undefined
  /** Lines whose other side has not been told that this one died. */
  readonly zombies = new Set<Line>()
  /** The pull is over: well, or with what it said. */
  isComplete = false
  error: unknown
  /** Pulls that failed since the last fault was over. */
  failures = 0

  constructor (plan: MachinePlan, world: World, seed: number) {
    this.id = plan.id
    this.role = plan.role
    this.open = plan.open
    this.hints = plan.hints
    this.budgetBytes = plan.budgetBytes
    this.plan = plan
    this.random = seededRandom(seed)
    this.disk = new SimDisk(plan.id, this.random, world.trace)
    this.node = new NetworkNode(world.clock, { ...plan.rates })
  }

  readonly isWanted = (file: ManifestFile): boolean => !this.plan.leavesOut.has(Number(file.path.slice('file'.length)))
}
