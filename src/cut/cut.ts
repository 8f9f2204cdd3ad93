import { ModelswarmError } from '../errors.ts'

/** Regroups a stream of bytes into blocks: a transform for it-pipe, and a `chunker` for ipfs-unixfs-importer. */
export type Chunker = (source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => AsyncGenerator<Uint8Array, void>

/**
 * A chunker for one file: gives blocks of exactly these lengths. A block that lies within one chunk of the source is a
 * view of it, without a copy; any other is copied once. So blocks may share a buffer: never transfer it. Takes
 * `lengths` once: a generator serves one file.
 *
 * @throws ModelswarmError ERR_FILE_CHANGED when the source has fewer or more bytes than the lengths
 */
export function cut (lengths: Iterable<number>): Chunker {
  return async function * (source) {
    const wanted = lengths[Symbol.iterator]()
    let length = next(wanted)
    let offset = 0
    let partial: { block: Uint8Array, filled: number } | undefined
    for await (const chunk of source) {
      let at = 0
      while (at < chunk.byteLength) {
        if (length === 0) throw changed('more', offset + at)
        const left = chunk.byteLength - at
        if (partial === undefined && left >= length) {
          yield chunk.subarray(at, at + length)
          at += length
          length = next(wanted)
          continue
        }
        partial ??= { block: new Uint8Array(length), filled: 0 }
        const part = chunk.subarray(at, at + length - partial.filled)
        partial.block.set(part, partial.filled)
        partial.filled += part.byteLength
        at += part.byteLength
        if (partial.filled === length) {
          const { block } = partial
          partial = undefined
          yield block
          length = next(wanted)
        }
      }
      offset += chunk.byteLength
    }
    if (length !== 0) throw changed('fewer', offset)
  }
}

/** The next length that is not 0; 0 at the end. */
function next (lengths: Iterator<number>): number {
  for (;;) {
    const { done, value } = lengths.next()
    if (done === true) return 0
    if (value > 0) return value
  }
}

function changed (how: 'more' | 'fewer', offset: number): ModelswarmError {
  return new ModelswarmError('ERR_FILE_CHANGED',
    `The file has ${how} bytes than when it was measured (at byte ${offset}): it changes while it is read`,
    { received: offset })
}
