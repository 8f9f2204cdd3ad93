import type { OpenFile } from './hash-spans.ts'

/** Bytes and their place in a file. */
export interface PlacedBytes {
  readonly offset: number
  readonly bytes: Uint8Array
  /** Nothing has been written there: zeros need not be. */
  readonly mayLeaveHole: boolean
}

/** Writes bytes at their place, and resolves to them when the write has returned: the same, maybe in a new view. */
export type PlaceWriter = (file: OpenFile, placed: PlacedBytes) => Promise<Uint8Array>

/** Verifies blocks and writes them on a thread of its own; the node injects it. */
export interface BlockWriter {
  /** It has started, and has not ended. */
  readonly isReady: boolean
  /**
   * Writes bytes when they hash to the sha2-256 digest. Their buffer, all of which they must be, is taken away and
   * comes back in the bytes it resolves to; undefined when they are others, which are gone then. Rejects with what
   * writing a file throws (ERR_NO_SPACE, ERR_DISK, ...), and ERR_DISK when the thread ends before it has answered.
   */
  write: (file: OpenFile, placed: PlacedBytes, digest: Uint8Array) => Promise<Uint8Array | undefined>
  end: () => Promise<void>
}
