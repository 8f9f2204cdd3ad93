import { constants } from 'node:fs'
import { access, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelswarmError } from '../errors.ts'
import { onDisk, unlessAbsent } from '../files/disk-error.ts'
import { checkSpace } from '../files/disk-space.ts'
import { makeFolders } from '../files/make-folders.ts'
import { DATABASE_ROOM_BYTES } from '../machine-defaults.ts'
import { checkDatabaseFile } from './database-file.ts'
import { StateDatabase } from './database.ts'
import { CommitRoom } from './room.ts'
import { damaged, databaseError } from './state-error.ts'

/** Format of everything below the state folder. A higher number is another program's: refused and left alone. */
export const STATE_VERSION = 1
/**
 * What may lie in a folder that has no version yet: what is made in one, of which a power cut may have left anything,
 * and what systems put into a folder or a disk that is empty for its owner.
 */
const NOT_FOREIGN = new Set(['version', 'db', 'identities', 'lost+found', '.DS_Store'])

/**
 * Opens the database in a state folder, which is made when it is not there; any number of processes may have it open.
 *
 * @throws ModelswarmError ERR_STATE_VERSION when a newer program wrote the folder, which is then left as it is;
 *   ERR_STATE_DAMAGED; ERR_PATH_KIND when it is no folder, or holds other files and no state; ERR_PATH_PERMISSION,
 *   ERR_NO_SPACE, ERR_DISK
 */
export async function openDatabase (dir: string): Promise<StateDatabase> {
  await onDisk('use as state folder', dir, async () => {
    const found = await unlessAbsent(async () => await stat(dir))
    if (found !== undefined && !found.isDirectory()) {
      throw new ModelswarmError('ERR_PATH_KIND', `Cannot use ${dir} as state folder: it is no folder; name a folder`, { path: dir })
    }
  })
  await makeFolders(dir, { mode: 0o700 })
  await checkVersion(dir)
  const path = join(dir, 'db')
  await makeFolders(path, { mode: 0o700 })
  for (const name of ['data.mdb', 'lock.mdb']) {
    if (await isNoFile(join(path, name))) throw damaged(dir, `${name} in it is no file`)
  }
  await checkDatabaseFile(join(path, 'data.mdb'))
  await checkWritable(path)
  await checkLockSpace(path)
  // It leaves two globals and a listener at the process when it loads: not before somebody opens a state folder.
  const { open } = await import('lmdb')
  try {
    const root = open<Uint8Array, Uint8Array>({
      path,
      encoding: 'binary',
      keyEncoding: 'binary',
      maxDbs: 16,
      noSubdir: false,
      // With it lmdb-js 3.5 makes a promise for each turn that nobody awaits: a full disk would end the process.
      eventTurnBatching: false,
      // One slot per process and thread that reads; the default of 126 is few for a machine full of short commands.
      maxReaders: 1024
    })
    return new StateDatabase(root, dir, new CommitRoom(dir, path))
  } catch (err) {
    throw await databaseError(err, dir)
  }
}

/** True for what stands in a file's place: opening a named pipe would wait for its other end. */
async function isNoFile (path: string): Promise<boolean> {
  return await onDisk('look at', path, async () => (await unlessAbsent(async () => await stat(path)))?.isFile() === false)
}

async function checkVersion (dir: string): Promise<void> {
  const path = join(dir, 'version')
  if (await isNoFile(path)) throw versionDamaged(dir, 'is no file')
  const text = await onDisk('read', path, async () => await unlessAbsent(async () => await readFile(path, 'utf8')))
  if (text === undefined) {
    await refuseForeign(dir)
    await onDisk('write', path, async () => { await writeFile(path, `${STATE_VERSION}\n`, { mode: 0o600 }) })
    return
  }
  // Empty: another process is writing it at this moment, or was killed there; this is the only version it can mean.
  const version = text.trim() === '' ? STATE_VERSION : Number(text)
  if (version === STATE_VERSION) return
  if (Number.isSafeInteger(version) && version > STATE_VERSION) {
    throw new ModelswarmError('ERR_STATE_VERSION',
      `Cannot use state folder ${dir}: it has version ${version}, this program knows ${STATE_VERSION}; update modelswarm or use another folder`,
      { path: dir, expected: STATE_VERSION, received: version })
  }
  throw versionDamaged(dir, `says ${JSON.stringify(text.slice(0, 20))}`)
}

/** A folder of the user's with other things in it is not made a state folder by a mistaken option. */
async function refuseForeign (dir: string): Promise<void> {
  const names = await onDisk('list folder', dir, async () => await readdir(dir))
  const foreign = names.find(name => !NOT_FOREIGN.has(name))
  if (foreign === undefined) return
  throw new ModelswarmError('ERR_PATH_KIND',
    `Cannot use ${dir} as state folder: it is none, and holds other files (${foreign}); name a new folder or an empty one`,
    { path: dir })
}

function versionDamaged (dir: string, seen: string): ModelswarmError {
  return new ModelswarmError('ERR_STATE_DAMAGED',
    `Cannot read the state in ${dir}: its version file ${seen}; move the folder away`, { path: dir })
}

/**
 * LMDB maps its lock file into memory sparse: on a full disk its first page cannot be allocated, and the process ends
 * with SIGBUS. So a lock file that has no page yet needs some room; with one, a full disk can still be read.
 */
async function checkLockSpace (path: string): Promise<void> {
  const file = join(path, 'lock.mdb')
  const found = await onDisk('look at', file, async () => await unlessAbsent(async () => await stat(file)))
  if (found === undefined || found.blocks === 0) await checkSpace(path, DATABASE_ROOM_BYTES)
}

/**
 * LMDB reports a missing right on its files with little to go by; asking for it ourselves names the file. Never by
 * opening them: a process that closes any descriptor of a file loses its locks on it (fcntl(2)), and without the one
 * on the lock file others take it for dead.
 */
async function checkWritable (path: string): Promise<void> {
  for (const name of ['data.mdb', 'lock.mdb']) {
    const file = join(path, name)
    await onDisk('write', file, async () => {
      await unlessAbsent(async () => { await access(file, constants.R_OK | constants.W_OK) })
    })
  }
}
