/** Blocks of a file that lie one after another, read at once. */
export interface Span {
  /** In the file. */
  readonly offset: number
  /** Bytes of each block. */
  readonly lengths: readonly number[]
  /** Of all blocks together. */
  readonly sizeBytes: number
}

/** Groups blocks that follow each other from the start of a file: spans of at most `mostBytes`, or one block. Lazy. */
export function * spansOf (lengths: Iterable<number>, mostBytes: number): Generator<Span, undefined> {
  let offset = 0
  let sizeBytes = 0
  let blocks: number[] = []
  for (const length of lengths) {
    if (blocks.length > 0 && sizeBytes + length > mostBytes) {
      yield { offset, lengths: blocks, sizeBytes }
      offset += sizeBytes
      sizeBytes = 0
      blocks = []
    }
    blocks.push(length)
    sizeBytes += length
  }
  if (blocks.length > 0) yield { offset, lengths: blocks, sizeBytes }
}
