import { PICK_SAMPLE } from '../defaults.ts'
import type { Bitfield } from '../model/bitfield.ts'

/**
 * Picks blocks that a source holds and that are missing: rarest first, ties at random (SWARM-POLICY.md section 2.7).
 * Starts at a random word of the bitfields and looks at a sample, so the cost does not grow with the number of
 * blocks while candidates are plenty, and is one pass over the words (blocks / 32) when they are few.
 *
 * @returns `blocks`: at most `most` whose sizes fit into `budgetBytes`, at least one if any fits at all; `seen`: how
 *   many there were to choose from, up to about the size of the sample
 */
export function pick (options: {
  holdings: Bitfield
  /** What it will hold soon: all of it is looked at. */
  coming?: Iterable<number>
  missing: Bitfield
  rarity: (block: number) => number
  sizeOf: (block: number) => number
  budgetBytes: number
  most: number
  random: () => number
  /** Leaves out blocks that this source was asked for and did not give. */
  skip?: (block: number) => boolean
}): { blocks: number[], seen: number } {
  const { holdings, coming = [], missing, rarity, random, skip } = options
  const words = missing.words.length
  if (words === 0 || options.most <= 0) return { blocks: [], seen: 0 }
  const wanted = Math.max(PICK_SAMPLE, options.most * 2)
  const candidates: number[] = []
  const ranks: number[] = []
  const consider = (block: number): void => {
    if (skip?.(block) === true) return
    candidates.push(block)
    // The fraction breaks ties at random without disturbing the order of counts.
    ranks.push(rarity(block) + random() * 0.999)
  }
  const start = Math.floor(random() * words)
  for (let i = 0; i < words && candidates.length < wanted; i++) {
    const at = start + i < words ? start + i : start + i - words
    let word = ((missing.words[at] ?? 0) & (holdings.words[at] ?? 0)) >>> 0
    while (word !== 0) {
      const block = at * 32 + 31 - Math.clz32(word & -word)
      word = (word & (word - 1)) >>> 0
      consider(block)
    }
  }
  for (const block of coming) if (missing.has(block)) consider(block)
  return { blocks: rarest(candidates, ranks, options), seen: candidates.length }
}

/**
 * At most `most` of the candidates that fit into the budget together, by rank. Mostly one or two do: looking through
 * all for the next costs a third of sorting them then, half as much again where 64 do.
 */
function rarest (
  candidates: readonly number[], ranks: number[],
  { most, budgetBytes, sizeOf }: { most: number, budgetBytes: number, sizeOf: (block: number) => number }
): number[] {
  const sizes = candidates.map(sizeOf)
  const picked: number[] = []
  let left = budgetBytes
  while (picked.length < most) {
    let least = -1
    for (let i = 0; i < candidates.length; i++) {
      if ((sizes[i] ?? 0) <= left && (ranks[i] ?? Infinity) < (ranks[least] ?? Infinity)) least = i
    }
    const block = candidates[least]
    if (block === undefined) break
    picked.push(block)
    left -= sizes[least] ?? 0
    ranks[least] = Infinity
  }
  return picked
}

/** Keeps the first of them that fit together. */
export function trim (blocks: number[], bytes: number, sizeOf: (block: number) => number): void {
  let left = bytes
  const fitting = blocks.findIndex(block => (left -= sizeOf(block)) < 0)
  if (fitting !== -1) blocks.length = fitting
}
