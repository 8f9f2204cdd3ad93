import { REMEMBERED_RATES } from '../defaults.ts'

/** Somebody whom peers told of. */
export interface Told {
  /** Who told of it, the first one first. */
  readonly tellers: readonly string[]
}

/** Turns of those who tell of peers, so that who tells of many keeps nobody from those that others tell of. Pure. */
export class Tellers {
  /** When each had its last turn; the one that has had none for longest first. */
  readonly #turns = new Map<string, number>()
  #turn = 0

  /** Up to `most` of these, which are in order, by turns of their tellers. */
  choose<T extends Told> (told: readonly T[], most: number): T[] {
    const left = [...told]
    const chosen: T[] = []
    while (chosen.length < most && left.length > 0) {
      let next = 0
      let teller = this.#nextTeller(left[0])
      for (const [i, one] of left.entries()) {
        const other = this.#nextTeller(one)
        if (other.turn < teller.turn) [next, teller] = [i, other]
      }
      chosen.push(...left.splice(next, 1))
      this.#hadTurn(teller.id)
    }
    return chosen
  }

  /** Whoever of its tellers has waited longest. */
  #nextTeller (told: Told | undefined): { id: string, turn: number } {
    const turns = (told?.tellers ?? []).map(id => ({ id, turn: this.#turns.get(id) ?? 0 }))
    return turns.reduce((a, b) => b.turn < a.turn ? b : a, turns[0] ?? { id: '', turn: 0 })
  }

  #hadTurn (id: string): void {
    this.#turns.delete(id)
    this.#turns.set(id, ++this.#turn)
    for (const oldest of this.#turns.keys()) {
      if (this.#turns.size <= REMEMBERED_RATES) return
      this.#turns.delete(oldest)
    }
  }
}
