import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { bootId } from '../files/boot-id.ts'
import { onDisk, unlessAbsent } from '../files/disk-error.ts'
import { damaged } from './state-error.ts'
import type { FileHandle } from 'node:fs/promises'

// LMDB maps its file into memory and believes it: a file that was cut short or overwritten ends the process with SIGBUS
// or SIGSEGV, which no catch sees. So the two meta pages and the root pages are looked at first. Format of lmdb-js 3
// (its lmdb.h and mdb.c, MDB_DATA_VERSION 2), little endian:
//
//   page n    0 page number (8)  ...
//   page 0,1  24 magic (4)  28 version (4)  40 map size (8)  48 page size (4)  48.. free tree (48)  96.. main tree (48)
//             52 flags (2)  88 root of the free tree (8)  136 root of the main tree (8)  144 last page (8)
//             152 transaction (8)  160 boot id (8)
//
// In the middle of page 0 stands a third meta without its head: the last transaction that was flushed. LMDB goes back
// to it after a power cut, when the newest is of another boot and was not flushed: its pages may be anything.

const MAGIC = 0xbeefc0de
const META_BYTES = 168
const FLAGS = 52
const NOT_FLUSHED = 0x1000
const FREE_ROOT = 88
const MAIN_ROOT = 136
const TRANSACTION = 152
const BOOT = 160
const NO_PAGE = 0xffff_ffff_ffff_ffffn
/** Another process may commit between two of our reads: then we look again. */
const ATTEMPTS = 5

/**
 * Makes sure that a database file, if there is one, is whole enough to be opened. Damage inside it that leaves the
 * tree's roots alone is not found.
 *
 * @throws ModelswarmError ERR_STATE_DAMAGED; ERR_PATH_PERMISSION, ERR_DISK
 */
export async function checkDatabaseFile (path: string): Promise<void> {
  await onDisk('read', path, async () => {
    const handle = await unlessAbsent(async () => await open(path, 'r'))
    if (handle === undefined) return
    try {
      for (let attempt = 1; ; attempt++) {
        const fault = await findFault(handle)
        if (fault === undefined) return
        if (attempt === ATTEMPTS) throw damaged(dirname(dirname(path)), fault)
      }
    } finally {
      await handle.close()
    }
  })
}

async function findFault (handle: FileHandle): Promise<string | undefined> {
  const stats = await handle.stat()
  // LMDB treats an empty file as a new database.
  if (stats.size === 0) return undefined
  const first = await readAt(handle, 0, META_BYTES)
  const pageBytes = first?.readUInt32LE(48) ?? 0
  if (first === undefined || !isMeta(first) || pageBytes < 512 || pageBytes > 65536) return 'its database is no database'
  const second = await readAt(handle, pageBytes, META_BYTES)
  if (second === undefined || !isMeta(second)) return 'its database is cut short or overwritten at the beginning'
  const flushed = await readAt(handle, pageBytes / 2, META_BYTES)
  const used = usedOf(usedOf(first, second), flushed ?? first)
  for (const at of [FREE_ROOT, MAIN_ROOT]) {
    const root = used.readBigUInt64LE(at)
    if (root === NO_PAGE) continue
    const page = await readAt(handle, Number(root) * pageBytes, pageBytes)
    if (page === undefined) return 'its database is cut short'
    if (page.readBigUInt64LE(0) !== root) return 'its database is overwritten'
  }
  const missing = (Number(used.readBigUInt64LE(144)) + 1) * pageBytes - (await handle.stat()).size
  // The last pages of a transaction may never have been written when they were freed within it: allow for some.
  return missing > 1024 * pageBytes ? 'its database is cut short' : undefined
}

/** Which of two metas LMDB goes on from (mdb_pick_meta). */
function usedOf (a: Buffer, b: Buffer): Buffer {
  const [ofA, ofB] = [a.readBigUInt64LE(TRANSACTION), b.readBigUInt64LE(TRANSACTION)]
  if (ofB === 0n) return a
  const latest = ofA >= ofB ? a : b
  const isFlushed = (latest.readUInt16LE(FLAGS) & NOT_FLUSHED) === 0
  if (isFlushed || latest.readBigUInt64LE(BOOT) === thisBoot()) return latest
  return ofA > ofB ? b : a
}

/** This boot as LMDB writes it: the first group of Linux's boot id. Undefined elsewhere: no meta is taken for ours. */
function thisBoot (): bigint | undefined {
  const [, group] = /^([0-9a-f]{8})-/.exec(bootId()) ?? []
  return group === undefined ? undefined : BigInt(`0x${group}`)
}

function isMeta (page: Buffer): boolean {
  return page.readUInt32LE(24) === MAGIC && page.readUInt32LE(28) === 2
}

async function readAt (handle: FileHandle, offset: number, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await handle.read(bytes, 0, length, offset)
  return bytesRead === length ? bytes : undefined
}
