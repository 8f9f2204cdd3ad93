import { constants } from 'node:fs'
import { access, lstat, readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { ModelswarmError, systemCode } from '../errors.ts'
import { OWN_NAME, PART_SUFFIX } from '../model/safe-name.ts'
import { diskError, onDisk, unlessAbsent } from './disk-error.ts'
import type { BigIntStats } from 'node:fs'

/** What walk gives for each file, and each folder that holds nothing. */
export type WalkedEntry =
  | {
    readonly kind: 'file'
    /** Inside the model, segments joined by '/'. */
    readonly path: string
    /** On this machine; links not resolved. */
    readonly absolute: string
    readonly sizeBytes: number
  }
  | { readonly kind: 'emptyFolder', readonly path: string }

export interface WalkOptions {
  signal?: AbortSignal
  /** What messages say could not be done. Default: publish. */
  attempted?: 'publish' | 'inspect'
  /** Told in words what was left out for another reason than its name. */
  onNote?: (message: string) => void
}

/** Never part of a model: our own state, version control, and what desktop and hub clients leave behind. */
const SKIPPED = new Set([OWN_NAME, '.git', '.DS_Store', '.cache'])

interface Place {
  readonly path: string
  readonly absolute: string
  /** The folders we are in, to notice a link that leads back into one of them. */
  readonly above: readonly string[]
}

/**
 * The files and empty folders of a model, depth first, each folder's entries in byte order of their UTF-8 names, so
 * that the order is the tree's. A path that is a file gives that file by the last segment of the path. Links are
 * followed, also out of the folder; a link to a folder that we are in is skipped with a note, and so is a state
 * folder.
 *
 * @throws ModelswarmError ERR_PATH_NOT_FOUND (also a dangling link), ERR_PATH_KIND (socket, FIFO, device, state),
 *   ERR_PATH_EMPTY (no file at all), ERR_PATH_PERMISSION, ERR_UNSAFE_NAME (a name that is no UTF-8), ERR_DISK; the
 *   signal's reason when aborted
 */
export async function * walk (path: string, options: WalkOptions = {}): AsyncGenerator<WalkedEntry, void> {
  options.signal?.throwIfAborted()
  const { attempted = 'publish' } = options
  const absolute = resolve(path)
  const stats = await look(absolute, attempted, ABSENT[attempted])
  if (!stats.isDirectory()) {
    const advice = `name a file or folder to ${attempted}`
    yield await fileEntry({ path: basename(absolute), absolute }, stats, { attempted, advice })
    return
  }
  let files = 0
  for await (const entry of walkFolder({ path: '', absolute, above: [keyOf(stats)] }, options)) {
    if (entry.kind === 'file') files++
    yield entry
  }
  if (files === 0) {
    const advice = attempted === 'publish' ? '; add the model\'s files first' : ''
    throw new ModelswarmError('ERR_PATH_EMPTY', `Cannot ${attempted} ${path}: the folder holds no file${advice}`, { path })
  }
}

async function * walkFolder (folder: Place, options: WalkOptions): AsyncGenerator<WalkedEntry, void> {
  const names = await onDisk('list folder', folder.absolute, async () => {
    return await readdir(folder.absolute, { encoding: 'buffer' })
  })
  names.sort(Buffer.compare)
  const { attempted = 'publish' } = options
  if (await isStateFolder(folder.absolute, names)) {
    const seen = 'it is a state folder of modelswarm, which holds the private keys of this machine'
    if (folder.path === '') {
      throw new ModelswarmError('ERR_PATH_KIND',
        `Cannot ${attempted} ${folder.absolute}: ${seen}; keep state and models in folders of their own`, { path: folder.absolute })
    }
    return options.onNote?.(`Skipped ${folder.absolute}: ${seen}`)
  }
  let kept = 0
  for (const bytes of names) {
    options.signal?.throwIfAborted()
    const name = decodeName(bytes, folder.absolute, attempted)
    if (SKIPPED.has(name) || name.endsWith(PART_SUFFIX)) continue
    const absolute = join(folder.absolute, name)
    const path = folder.path === '' ? name : `${folder.path}/${name}`
    const stats = await look(absolute, attempted)
    if (!stats.isDirectory()) {
      kept++
      yield await fileEntry({ path, absolute }, stats, { attempted, advice: 'move it out of the model' })
      continue
    }
    const key = keyOf(stats)
    if (folder.above.includes(key)) {
      options.onNote?.(`Skipped ${absolute}: the link leads back into a folder it lies in`)
      continue
    }
    kept++
    yield * walkFolder({ path, absolute, above: [...folder.above, key] }, options)
  }
  if (kept === 0 && folder.path !== '') yield { kind: 'emptyFolder', path: folder.path }
}

/** True for a folder that store/open-database.ts made. */
async function isStateFolder (absolute: string, names: readonly Buffer[]): Promise<boolean> {
  const has = (name: string): boolean => names.some(bytes => bytes.equals(Buffer.from(name)))
  if (!has('version') || !has('db')) return false
  const file = join(absolute, 'db', 'data.mdb')
  return await onDisk('look at', file, async () => await unlessAbsent(async () => await lstat(file))) !== undefined
}

/** What is said of a path at which there is nothing, and what to do. */
const ABSENT = {
  publish: 'it does not exist; check the path',
  inspect: 'it is no link and no root, and there is no such file or folder'
}

async function look (absolute: string, attempted: string, absent = ABSENT.publish): Promise<BigIntStats> {
  try {
    return await stat(absolute, { bigint: true })
  } catch (err) {
    if (systemCode(err) !== 'ENOENT' && systemCode(err) !== 'ELOOP') throw diskError(err, 'look at', absolute)
    const link = await onDisk(attempted, absolute, async () => await unlessAbsent(async () => await lstat(absolute)))
    if (link?.isSymbolicLink() === false) throw diskError(err, attempted, absolute)
    const seen = link === undefined ? absent : 'it is a link to something that does not exist; repair or remove the link'
    throw new ModelswarmError('ERR_PATH_NOT_FOUND', `Cannot ${attempted} ${absolute}: ${seen}`, { cause: err, path: absolute })
  }
}

async function fileEntry (
  { path, absolute }: { path: string, absolute: string }, stats: BigIntStats,
  { attempted, advice }: { attempted: string, advice: string }
): Promise<WalkedEntry> {
  if (!stats.isFile()) {
    throw new ModelswarmError('ERR_PATH_KIND',
      `Cannot ${attempted} ${absolute}: it is ${kindOf(stats)}, no file; ${advice}`, { path: absolute })
  }
  await onDisk('read', absolute, async () => { await access(absolute, constants.R_OK) })
  return { kind: 'file', path, absolute, sizeBytes: Number(stats.size) }
}

function kindOf (stats: BigIntStats): string {
  if (stats.isSocket()) return 'a socket'
  if (stats.isFIFO()) return 'a named pipe'
  return stats.isBlockDevice() || stats.isCharacterDevice() ? 'a device' : 'something unknown'
}

function decodeName (bytes: Buffer, folder: string, attempted: string): string {
  try {
    // ignoreBOM keeps a leading U+FEFF, which is a legal part of a name.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (err) {
    throw new ModelswarmError('ERR_UNSAFE_NAME',
      `Cannot ${attempted} ${join(folder, bytes.toString('latin1'))}: its name is not valid UTF-8; rename it`,
      { cause: err, path: folder })
  }
}

function keyOf (stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}`
}
