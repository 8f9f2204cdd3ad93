import { onDisk } from './disk-error.ts'
import { identityOf, sameIdentity } from './file-identity.ts'
import { changed, openToRead, readExactly } from './reader.ts'
import type { FileIdentity } from './file-identity.ts'
import type { ReadBuffers } from './read-buffers.ts'
import type { FileHandle } from 'node:fs/promises'

export interface ReadSpansOptions {
  /** Bytes of each span in order, each at most one buffer; their sum is the file's size. */
  lengths: Iterable<number>
  /** Lends the memory. A span is its taker's until it gives the buffer back. */
  buffers: ReadBuffers
  /** The file must be this one, before and after. */
  expected: FileIdentity
  signal?: AbortSignal | undefined
}

/**
 * The bytes of a file in order, in spans, one being read ahead of the one given out.
 *
 * @throws ModelswarmError ERR_FILE_CHANGED when the file is not `expected`, or changes before its last byte is read;
 *   ERR_PATH_NOT_FOUND, ERR_PATH_PERMISSION, ERR_DISK; the signal's reason when aborted
 */
export async function * readSpans (path: string, options: ReadSpansOptions): AsyncGenerator<Uint8Array, void> {
  const { buffers, expected, signal } = options
  signal?.throwIfAborted()
  const handle = await onDisk('read', path, async () => await openToRead(path))
  let ahead: Promise<Uint8Array> | undefined
  try {
    if (!sameIdentity(await identityOf(handle), expected)) throw changed(path, 'its size, times or inode differ')
    const lengths = options.lengths[Symbol.iterator]()
    let offset = 0
    const read = (): Promise<Uint8Array> | undefined => {
      const { done, value } = lengths.next()
      if (done === true) return undefined
      const reading = readInto(handle, path, { offset, length: value, buffers })
      offset += value
      // Awaited below in any case; this only keeps a failure from being reported as unhandled until then.
      reading.catch(() => {})
      return reading
    }
    for (ahead = read(); ahead !== undefined;) {
      const span: Uint8Array = await ahead
      signal?.throwIfAborted()
      ahead = read()
      yield span
      signal?.throwIfAborted()
    }
    if (!sameIdentity(await identityOf(handle), expected)) throw changed(path, 'it changed while it was read')
  } finally {
    // A read under way still uses the handle; its bytes or its failure interest nobody any more.
    await ahead?.catch(() => {})
    await onDisk('close', path, async () => { await handle.close() })
  }
}

async function readInto (
  handle: FileHandle, path: string, span: { offset: number, length: number, buffers: ReadBuffers }
): Promise<Uint8Array> {
  const { offset, length, buffers } = span
  const buffer = await buffers.take()
  try {
    return await readExactly(handle, path, offset, length, new Uint8Array(buffer, 0, length))
  } catch (err) {
    buffers.giveBack(buffer)
    throw err
  }
}
