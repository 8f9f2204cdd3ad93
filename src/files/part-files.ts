import { constants } from 'node:fs'
import { lstat, open, rename } from 'node:fs/promises'
import { ModelswarmError, systemCode } from '../errors.ts'
import { PART_FILES_OPEN } from '../machine-defaults.ts'
import { TREE_LIMITS } from '../model/tree-limits.ts'
import { onDisk, unlessAbsent } from './disk-error.ts'
import { identityOf } from './file-identity.ts'
import { HandleCache } from './handle-cache.ts'
import { readExactly } from './reader.ts'
import { parentOf } from './safe-folders.ts'
import { inTheWay } from './wanted-file.ts'
import type { PlaceWriter } from './block-writer.ts'
import type { FileIdentity } from './file-identity.ts'
import type { SafeFolders } from './safe-folders.ts'
import type { WantedFile } from './wanted-file.ts'
import type { FileHandle } from 'node:fs/promises'

/** Part files are never opened through a link: someone could have put one there to have us write elsewhere. */
const FLAGS = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0)

/** As long as the largest block. */
const ZEROS = new Uint8Array(TREE_LIMITS.leafBytes)

/** The incomplete files of a target: made sparse at full size, written and read at any offset, synced. */
export class PartFiles {
  readonly #folders: SafeFolders
  readonly #handles: HandleCache

  constructor (folders: SafeFolders, maxOpen: number = PART_FILES_OPEN) {
    this.#folders = folders
    this.#handles = new HandleCache(maxOpen)
  }

  /**
   * Writes bytes at an offset; when it resolves the write has returned, not been synced. Zeros are left a hole in a
   * file that was made here: a block is written once, so there is nothing else at its place. Another than this thread
   * may do it, as `writer`.
   *
   * @returns the bytes, which are the caller's again
   * @throws ModelswarmError ERR_NO_SPACE, ERR_PATH_PERMISSION, ERR_PATH_KIND, ERR_DISK; some bytes may have been
   *   written; and what `writer` throws
   */
  async write (
    wanted: WantedFile, offset: number, bytes: Uint8Array, writer: PlaceWriter = writeHere
  ): Promise<Uint8Array> {
    return await this.#use(wanted, async handle => {
      try {
        const file = { handle, path: wanted.partAbsolute }
        return await writer(file, { offset, bytes, mayLeaveHole: wanted.isNew === true })
      } finally {
        // Counted when it has returned: a sync that began while it was under way need not contain it.
        wanted.writes++
        wanted.stale = true
      }
    })
  }

  async read (wanted: WantedFile, offset: number, length: number): Promise<Uint8Array> {
    return await this.#use(wanted, async handle => await readExactly(handle, wanted.partAbsolute, offset, length))
  }

  /** Puts on the disk what was written before the call. */
  async sync (wanted: WantedFile): Promise<void> {
    await this.#use(wanted, async handle => {
      const writes = wanted.writes
      await onDisk('sync', wanted.partAbsolute, async () => { await handle.datasync() })
      wanted.writesSynced = Math.max(wanted.writesSynced, writes)
    })
  }

  /**
   * The file as it is now, which must still be the one that was written to, at its full size.
   *
   * @throws ModelswarmError ERR_FILE_CHANGED when it is gone, another has its name, or somebody else changed its size
   */
  async identity (wanted: WantedFile): Promise<FileIdentity> {
    const path = wanted.partAbsolute
    return await this.#use(wanted, async handle => {
      const identity = await identityOf(handle)
      const there = await onDisk('look at', path, async () => await unlessAbsent(async () => await lstat(path, { bigint: true })))
      if (there?.ino !== identity.inode) throw replaced(wanted, there === undefined ? 'it is gone' : 'another file has its name')
      if (identity.sizeBytes !== wanted.file.sizeBytes) throw resized(wanted, identity.sizeBytes)
      return identity
    })
  }

  /** Gives a complete and synced file its final name; resolves to its identity there. */
  async putInPlace (wanted: WantedFile): Promise<NonNullable<WantedFile['final']>> {
    await onDisk('rename', wanted.partAbsolute, async () => { await rename(wanted.partAbsolute, wanted.absolute) })
      .catch((err: unknown) => {
        throw systemCode(err) === 'EISDIR' ? inTheWay(wanted.absolute, 'a folder stands where the model has a file') : err
      })
    return { identity: await identityOf(wanted.absolute), shared: false }
  }

  /** Lets go of a file that has been renamed; reads under way end first. */
  drop (wanted: WantedFile): void {
    this.#handles.drop(wanted.partAbsolute)
  }

  async close (): Promise<void> {
    await onDisk('close', 'a part file', async () => { await this.#handles.close() })
  }

  async #use<T> (wanted: WantedFile, act: (handle: FileHandle) => Promise<T>): Promise<T> {
    return await this.#handles.use(wanted.partAbsolute, async () => await this.#open(wanted), act)
  }

  async #open (wanted: WantedFile): Promise<FileHandle> {
    await this.#folders.make(parentOf(wanted.file.path))
    const path = wanted.partAbsolute
    // One that was begun is never made anew: what is held of it would be holes.
    const isBegun = wanted.state !== 'absent'
    const handle = await onDisk('write', path, async () => {
      return await unlessAbsent(async () => await open(path, isBegun ? FLAGS : FLAGS | constants.O_CREAT, 0o666))
    })
    if (handle === undefined) throw replaced(wanted, 'it is gone')
    try {
      const { inode, sizeBytes } = await identityOf(handle)
      const wasOpen = wanted.partInode !== undefined
      if (wasOpen && wanted.partInode !== inode) throw replaced(wanted, 'another file has its name')
      if (wanted.state === 'absent' && sizeBytes === 0) wanted.isNew = true
      if (sizeBytes !== wanted.file.sizeBytes) {
        if (wasOpen) throw resized(wanted, sizeBytes)
        // At full size from the start, sparse: every block has its final offset and the file never grows again.
        wanted.stale = true
        await onDisk('write', path, async () => { await handle.truncate(wanted.file.sizeBytes) })
      }
      wanted.partInode = inode
    } catch (err) {
      await handle.close()
      throw err
    }
    if (wanted.state === 'absent') {
      wanted.state = 'part'
      wanted.stale = true
    }
    return handle
  }
}

const writeHere: PlaceWriter = async ({ handle, path }, { offset, bytes, mayLeaveHole }) => {
  if (mayLeaveHole && isZero(bytes)) return bytes
  let done = 0
  while (done < bytes.byteLength) {
    const at = done
    const { bytesWritten } = await onDisk('write', path, async () => {
      return await handle.write(bytes, at, bytes.byteLength - at, offset + at)
    })
    done += bytesWritten
  }
  return bytes
}

function isZero (bytes: Uint8Array): boolean {
  return bytes[0] === 0 && Buffer.compare(bytes, ZEROS.subarray(0, bytes.byteLength)) === 0
}

function resized (wanted: WantedFile, sizeBytes: number): ModelswarmError {
  return new ModelswarmError('ERR_FILE_CHANGED',
    `Cannot complete ${wanted.absolute}: its part file has ${sizeBytes} bytes instead of ${wanted.file.sizeBytes}; ` +
    'stop what writes to it and pull again', { path: wanted.partAbsolute })
}

function replaced (wanted: WantedFile, seen: string): ModelswarmError {
  return new ModelswarmError('ERR_FILE_CHANGED',
    `Cannot complete ${wanted.absolute}: its part file was replaced meanwhile, ${seen}; pull again`, { path: wanted.partAbsolute })
}
