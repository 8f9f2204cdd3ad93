/**
 * Groups the lengths of consecutive blocks: each sum is at most `mostBytes`, or one block. Reading a file in such spans
 * keeps every block within one read.
 */
export function * spanLengths (lengths: Iterable<number>, mostBytes: number): Generator<number, undefined> {
  let span = 0
  for (const length of lengths) {
    if (span > 0 && span + length > mostBytes) {
      yield span
      span = 0
    }
    span += length
  }
  if (span > 0) yield span
}
