import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { ModelswarmError, systemCode } from '../errors.ts'
import { FILE_RECHECK_MS, SERVED_FILES_OPEN } from '../machine-defaults.ts'
import { readMemory } from '../memory.ts'
import { diskError, onDisk } from './disk-error.ts'
import { identityOf, sameIdentity } from './file-identity.ts'
import { HandleCache } from './handle-cache.ts'
import type { FileIdentity } from './file-identity.ts'
import type { FileHandle } from 'node:fs/promises'

export interface FileReadersOptions {
  maxOpen?: number
  /** Milliseconds, rising. */
  now?: () => number
}

/** What a file must be: just as it was looked at; of one that is being written to, no more than the same file. */
export type ExpectedFile = FileIdentity | Pick<FileIdentity, 'inode'>

/**
 * Reads ranges of indexed files for serving, through few open handles, and notices when a file is not what was
 * indexed.
 */
export class FileReaders {
  readonly #handles: HandleCache
  readonly #now: () => number
  readonly #checked = new WeakMap<FileHandle, { identity: FileIdentity, atMs: number }>()

  constructor (options: FileReadersOptions = {}) {
    this.#handles = new HandleCache(options.maxOpen ?? SERVED_FILES_OPEN)
    this.#now = options.now ?? (() => performance.now())
  }

  get openCount (): number {
    return this.#handles.openCount
  }

  /**
   * `length` bytes at `offset`, in a buffer of its own that is handed over. The file's identity is compared when it is
   * opened and then at most ten times a second, so bytes changed in place can pass for so long: whoever receives them
   * verifies them, and what he says has us hash them again (doubts.ts).
   *
   * @throws ModelswarmError ERR_FILE_CHANGED when the file is gone, shorter, or not the one expected;
   *   ERR_PATH_PERMISSION, ERR_DISK; ERR_STOPPED after close
   */
  async read (path: string, offset: number, length: number, expected: ExpectedFile): Promise<Uint8Array> {
    for (;;) {
      let reused = false
      try {
        return await this.#handles.use(path, async () => await this.#open(path), async handle => {
          reused = this.#checked.has(handle)
          await this.#check(handle, path, expected)
          return await readExactly(handle, path, offset, length)
        })
      } catch (err) {
        if (!(err instanceof ModelswarmError) || err.code !== 'ERR_FILE_CHANGED') throw err
        // The handle may show a file that has since been replaced by the one expected: look again with a new handle.
        this.#handles.drop(path)
        if (!reused) throw err
      }
    }
  }

  /** Closes the handle of a file that will not be read soon; reads under way end first. */
  drop (path: string): void {
    this.#handles.drop(path)
  }

  /** Closes all handles; reads under way end first. Twice is fine. */
  async close (): Promise<void> {
    await this.#handles.close()
  }

  async #open (path: string): Promise<FileHandle> {
    try {
      return await openToRead(path)
    } catch (err) {
      if (systemCode(err) === 'ENOENT') throw changed(path, 'it is gone')
      throw diskError(err, 'read', path)
    }
  }

  async #check (handle: FileHandle, path: string, expected: ExpectedFile): Promise<void> {
    const known = this.#checked.get(handle)
    const nowMs = this.#now()
    if (known !== undefined && nowMs - known.atMs < FILE_RECHECK_MS && isExpected(known.identity, expected)) return
    const identity = await identityOf(handle)
    this.#checked.set(handle, { identity, atMs: nowMs })
    if (!isExpected(identity, expected)) throw changed(path, 'its size, times or inode differ')
  }
}

function isExpected (found: FileIdentity, expected: ExpectedFile): boolean {
  return 'sizeBytes' in expected ? sameIdentity(found, expected) : found.inode === expected.inode
}

/**
 * Opens a file to read it. A named pipe that has taken its place is refused, not waited for: its writer may never come.
 *
 * @throws ModelswarmError ERR_FILE_CHANGED when it is no file; what Node throws
 */
export async function openToRead (path: string): Promise<FileHandle> {
  const handle = await openAtOnce(path)
  let isFile = false
  try {
    isFile = (await handle.stat()).isFile()
  } finally {
    if (!isFile) await handle.close()
  }
  if (!isFile) throw changed(path, 'it is no file any more')
  return handle
}

async function openAtOnce (path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (err) {
    // A lease (fcntl(2), F_SETLEASE; a file server's) is given back within seconds, and only files have one.
    if (systemCode(err) !== 'EAGAIN') throw err
    return await open(path, 'r')
  }
}

/** Exactly `length` bytes: into `bytes`, or a fresh buffer that nothing else refers to: sending it gives it back. */
export async function readExactly (
  handle: FileHandle, path: string, offset: number, length: number, bytes: Uint8Array = readMemory.allocate(length)
): Promise<Uint8Array> {
  let done = 0
  while (done < length) {
    const at = done
    const { bytesRead } = await onDisk('read', path, async () => await handle.read(bytes, at, length - at, offset + at))
    if (bytesRead === 0) throw endsEarly(path, offset + done, offset, length)
    done += bytesRead
  }
  return bytes
}

/** What a reader says of a file that ends at a byte, where `length` bytes from `offset` on were to be read. */
export function endsEarly (path: string, at: number, offset: number, length: number): ModelswarmError {
  return changed(path, `it ends at byte ${at}, expected ${length} bytes from ${offset} on`)
}

/** What a reader says when a file is not what was indexed. */
export function changed (path: string, seen: string): ModelswarmError {
  return new ModelswarmError('ERR_FILE_CHANGED',
    `Cannot read ${path} as it was indexed: ${seen}; publish or pull it again`, { path })
}
