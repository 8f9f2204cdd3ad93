import { DIGEST_BYTES } from '../model/block-id.ts'
import { onDisk } from './disk-error.ts'
import { identityOf, sameIdentity } from './file-identity.ts'
import { changed, openToRead } from './reader.ts'
import type { FileIdentity } from './file-identity.ts'
import type { Span } from '../cut/spans.ts'
import type { Leaf } from '../model/tree.ts'
import type { FileHandle } from 'node:fs/promises'

/** An open file, and the path it is spoken of by. */
export interface OpenFile {
  readonly handle: FileHandle
  readonly path: string
}

/** Reads and hashes off the main thread; the node injects it. */
export interface SpanHasher {
  /**
   * The sha2-256 digests of a span's blocks one after another, 32 bytes each. Rejects with ERR_FILE_CHANGED when the
   * file ends before the span does, ERR_PATH_PERMISSION, ERR_PATH_KIND, ERR_DISK, or the reason of `drop`.
   */
  hashSpan: (file: OpenFile, span: Span) => Promise<Uint8Array>
  /** Rejects the spans of a file that nobody has begun to read. */
  drop: (file: OpenFile, reason: unknown) => void
}

export interface HashSpansOptions {
  hasher: SpanHasher
  /** Spans under way at once. */
  ahead: number
  /** The file must be this one, before and after. */
  expected: FileIdentity
  signal?: AbortSignal | undefined
}

/**
 * The blocks of a file in order, hashed from the disk, some spans ahead of what is taken.
 *
 * @throws ModelswarmError ERR_FILE_CHANGED when the file is not `expected`, or changes before its last byte is read;
 *   ERR_PATH_NOT_FOUND, ERR_PATH_PERMISSION, ERR_DISK; the signal's reason when aborted
 */
export async function * hashSpans (
  path: string, spans: Iterable<Span>, options: HashSpansOptions
): AsyncGenerator<Leaf, void> {
  const { hasher, ahead, expected, signal } = options
  signal?.throwIfAborted()
  const handle = await onDisk('read', path, async () => await openToRead(path))
  const file: OpenFile = { handle, path }
  const onAbort = (): void => { hasher.drop(file, signal?.reason) }
  signal?.addEventListener('abort', onAbort, { once: true })
  const underWay: Array<{ span: Span, digests: Promise<Uint8Array> }> = []
  try {
    const check = async (seen: string): Promise<void> => {
      if (!sameIdentity(await identityOf(handle), expected)) throw changed(path, seen)
    }
    await check('its size, times or inode differ')
    // Aborted while it was opened: nobody has told us, and nothing is handed out yet.
    signal?.throwIfAborted()
    const left = spans[Symbol.iterator]()
    const beginNext = (): void => {
      const { done, value } = left.next()
      if (done === true) return
      const digests = hasher.hashSpan(file, value)
      // Awaited below in any case; this only keeps a failure from being reported as unhandled until then.
      digests.catch(() => {})
      underWay.push({ span: value, digests })
    }
    for (let i = 0; i < ahead; i++) beginNext()
    for (let first = underWay[0]; first !== undefined; first = underWay[0]) {
      const digests = await first.digests
      signal?.throwIfAborted()
      underWay.shift()
      beginNext()
      yield * leavesOf(first.span, digests)
    }
    await check('it changed while it was read')
  } finally {
    signal?.removeEventListener('abort', onAbort)
    hasher.drop(file, new Error('Nobody takes them any more'))
    // The others read by the handle's number, which may be another file's once it is closed.
    await Promise.allSettled(underWay.map(async ({ digests }) => await digests))
    await onDisk('close', path, async () => { await handle.close() })
  }
}

function * leavesOf ({ lengths }: Span, digests: Uint8Array): Generator<Leaf> {
  for (const [i, sizeBytes] of lengths.entries()) {
    yield { digest: digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES), sizeBytes }
  }
}
