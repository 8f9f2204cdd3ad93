import { Mode } from '../wire/protocol.ts'
import type { SchedulerSource } from './scheduler-source.ts'

/**
 * Whose turn it is among the sources that something changed for. Looked up, not sorted: mostly there is room for one
 * block, and all others of a crowd stay as they are.
 */
export class Turns {
  readonly #hasRoom: () => boolean
  readonly #left: Array<SchedulerSource | undefined> = []
  #choosing = 0

  /** `hasRoom`: the smallest missing block may fit into the pull's budget. */
  constructor (hasRoom: () => boolean) {
    this.#hasRoom = hasRoom
  }

  /** Sources of another mode have no turn here. */
  add (source: SchedulerSource): void {
    if (source.mode !== Mode.open && source.mode !== Mode.choosing) return
    this.#left.push(source)
    if (source.mode === Mode.choosing) this.#choosing++
  }

  /** Takes one out; an open one only where there is room for a block. */
  next (): SchedulerSource | undefined {
    const hasRoom = this.#hasRoom()
    if (!hasRoom && this.#choosing === 0) return undefined
    let first: SchedulerSource | undefined
    let at = -1
    for (let i = 0; i < this.#left.length; i++) {
      const source = this.#left[i]
      if (source === undefined || !(hasRoom || source.mode === Mode.choosing)) continue
      if (first !== undefined && byCost(first, source) <= 0) continue
      first = source
      at = i
    }
    if (first === undefined) return undefined
    this.#left[at] = undefined
    if (first.mode === Mode.choosing) this.#choosing--
    return first
  }
}

/** Who only refuses, or says nothing, would else take a small budget again and again, before who gives. */
function byCost (a: SchedulerSource, b: SchedulerSource): number {
  return a.cost - b.cost || a.refusals - b.refusals || a.silences - b.silences || a.askedBytes - b.askedBytes
}
