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
  missing: Bitfield
  rarity: (block: number) => number
  sizeOf: (block: number) => number
  budgetBytes: number
  most: number
  random: () => number
  /** Leaves out blocks that this source was asked for and did not give. */
  skip?: (block: number) => boolean
}): { blocks: number[], seen: number } {
  const { holdings, missing, rarity, sizeOf, random, skip } = options
  const words = missing.words.length
  if (words === 0 || options.most <= 0) return { blocks: [], seen: 0 }
  const wanted = Math.max(PICK_SAMPLE, options.most * 2)
  const candidates: Array<{ block: number, rank: number }> = []
  const start = Math.floor(random() * words)
  for (let i = 0; i < words && candidates.length < wanted; i++) {
    const at = start + i < words ? start + i : start + i - words
    let word = ((missing.words[at] ?? 0) & (holdings.words[at] ?? 0)) >>> 0
    while (word !== 0) {
      const block = at * 32 + 31 - Math.clz32(word & -word)
      word = (word & (word - 1)) >>> 0
      // The fraction breaks ties at random without disturbing the order of counts.
      if (skip?.(block) !== true) candidates.push({ block, rank: rarity(block) + random() * 0.999 })
    }
  }
  candidates.sort((a, b) => a.rank - b.rank)
  const picked: number[] = []
  let left = options.budgetBytes
  for (const { block } of candidates) {
    if (picked.length === options.most) break
    const size = sizeOf(block)
    if (size > left) continue
    picked.push(block)
    left -= size
  }
  return { blocks: picked, seen: candidates.length }
}

/** Keeps the first of them that fit together. */
export function trim (blocks: number[], bytes: number, sizeOf: (block: number) => number): void {
  let left = bytes
  const fitting = blocks.findIndex(block => (left -= sizeOf(block)) < 0)
  if (fitting !== -1) blocks.length = fitting
}
