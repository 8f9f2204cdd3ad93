import { stat } from 'node:fs/promises'
import { isModelswarmError } from '../errors.ts'
import { onDisk, unlessAbsent } from './disk-error.ts'
import { identityOf, sameIdentity } from './file-identity.ts'
import { openToRead, readExactly } from './reader.ts'
import type { FileIdentity } from './file-identity.ts'
import type { FileHandle } from 'node:fs/promises'

/** A stretch of a file that must be a certain block. */
export interface ExpectedBlock {
  readonly block: number
  readonly offset: number
  readonly sizeBytes: number
}

export interface CheckFileOptions {
  /** All blocks of the file, in order. */
  blocks: Iterable<ExpectedBlock>
  /** Bytes the file must have. */
  sizeBytes: number
  /** Whether bytes are the block with this index. */
  isGood: (block: number, bytes: Uint8Array) => Promise<boolean>
  /** Called after each block with its size. */
  onBlock?: (sizeBytes: number) => void
  signal?: AbortSignal | undefined
}

/** What a file turned out to be. */
export interface CheckedFile {
  readonly goodBytes: number
  readonly badBlocks: number
  /** The file as it was read: there when it is the one expected from the first byte to the last and nothing more. */
  readonly identity: FileIdentity | undefined
}

/**
 * Reads a file as it is now, whatever it was when it was indexed, and checks every block. A block beyond its end is
 * bad, and so is all of a file that is gone or is no file.
 *
 * @throws ModelswarmError ERR_PATH_PERMISSION, ERR_PATH_KIND, ERR_DISK; the signal's reason when aborted
 */
export async function checkFile (path: string, options: CheckFileOptions): Promise<CheckedFile> {
  const handle = await openFile(path)
  try {
    const before = handle === undefined ? undefined : await identityOf(handle)
    let goodBytes = 0
    let badBlocks = 0
    for (const expected of options.blocks) {
      options.signal?.throwIfAborted()
      if (handle !== undefined && await isGoodAt(handle, path, { ...expected, isGood: options.isGood })) {
        goodBytes += expected.sizeBytes
      } else {
        badBlocks++
      }
      options.onBlock?.(expected.sizeBytes)
    }
    const after = handle === undefined ? undefined : await identityOf(handle)
    const isWhole = badBlocks === 0 && before !== undefined && after !== undefined &&
      sameIdentity(before, after) && after.sizeBytes === options.sizeBytes
    return { goodBytes, badBlocks, identity: isWhole ? after : undefined }
  } finally {
    await handle?.close()
  }
}

/** Undefined when there is no file. */
async function openFile (path: string): Promise<FileHandle | undefined> {
  return await onDisk('read', path, async () => await unlessAbsent(async () => {
    return (await stat(path)).isFile() ? await openToRead(path) : undefined
  }))
}

async function isGoodAt (
  handle: FileHandle, path: string, expected: ExpectedBlock & Pick<CheckFileOptions, 'isGood'>
): Promise<boolean> {
  const { block, offset, sizeBytes, isGood } = expected
  try {
    return await isGood(block, await readExactly(handle, path, offset, sizeBytes))
  } catch (err) {
    // The file ends before the block does. A disk that fails is told, not called a bad block.
    if (isModelswarmError(err, 'ERR_FILE_CHANGED')) return false
    throw err
  }
}
