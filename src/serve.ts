import { CID } from 'multiformats/cid'
import { isModelswarmError, ModelswarmError } from './errors.ts'
import { isStill } from './files/file-identity.ts'
import { Bitfield } from './model/bitfield.ts'
import { resolveManifest } from './model/resolve.ts'
import { isBlock } from './model/verify.ts'
import type { FileReaders } from './files/reader.ts'
import type { Hash } from './model/block-id.ts'
import type { Manifest } from './model/manifest.ts'
import type { ModelRecord, ModelRecordFile } from './store/models.ts'
import type { Store } from './store/open-store.ts'
import type { BlockAccess } from './swarm/ports.ts'

// serve   stream > wire > policy > read > encode > wire > stream
//                                  ^^^^ here: which file gives a block. The rest is swarm/uploader.ts.

export interface ServeParts {
  store: Store
  readers: FileReaders
  hash: Hash
  /** Told what the operator should know of a file. */
  onNote?: ((message: string) => void) | undefined
}

/** The manifest of a root from the state folder's tree nodes; undefined when not all of them are here. */
export async function knownManifest (root: CID, parts: Pick<ServeParts, 'store' | 'hash'>): Promise<Manifest | undefined> {
  if (!parts.store.nodes.hasNode(root)) return undefined
  try {
    return await resolveManifest(root, {
      hash: parts.hash,
      getNodes: async cids => cids.map(cid => {
        const bytes = parts.store.nodes.getNode(cid)
        if (bytes === undefined) throw new ModelswarmError('ERR_NOT_HELD', `Node ${cid} is not in the state folder`)
        return bytes
      })
    })
  } catch (err) {
    if (err instanceof ModelswarmError && err.code === 'ERR_NOT_HELD') return undefined
    throw err
  }
}

/** Blocks that lie in the complete, unchanged files of these records; files that are not are named in a note. */
export async function heldBlocks (
  manifest: Manifest, records: readonly ModelRecord[], parts: Pick<ServeParts, 'onNote'> = {}
): Promise<Bitfield> {
  const held = new Bitfield(manifest.blockCount)
  const good = new Set<string>()
  for (const record of records) {
    for (const file of record.files) {
      if (await seemsUnchanged(file)) good.add(file.path)
      else parts.onNote?.(notHere(file.absolute))
    }
  }
  for (const file of manifest.files) {
    if (!good.has(file.path)) continue
    for (let slot = file.firstSlot; slot < file.firstSlot + file.slotCount; slot++) held.add(manifest.blockOfSlot(slot))
  }
  return held
}

/** The note that a file is not what was published or pulled any more. */
export function notHere (path: string): string {
  return `${path} changed since it was published or pulled: nobody gets it from here; share it again`
}

async function seemsUnchanged (file: ModelRecordFile): Promise<boolean> {
  try {
    return await isStill(file.absolute, file.identity)
  } catch (err) {
    // A disk that fails does not make a file absent: it counts, and who asks for it is told how reading it went.
    if (isModelswarmError(err, 'ERR_DISK')) return true
    throw err
  }
}

/**
 * Serves the blocks of a model from the files that the records of its root name, and from any other file on this
 * machine that shows them. Records are followed as any process changes them; a root that was forgotten is served on.
 */
export function recordAccess (manifest: Manifest, records: readonly ModelRecord[], parts: ServeParts): BlockAccess {
  const { store, readers } = parts
  let files = filesByPath(records)
  let { revision } = store.models
  const filesOf = (path: string): readonly ModelRecordFile[] => {
    if (revision !== store.models.revision) {
      ({ revision } = store.models)
      const now = store.models.get(manifest.root.toString())
      if (now.length > 0) files = filesByPath(now)
    }
    return files.get(path) ?? []
  }
  const read = async (block: number): Promise<Uint8Array> => {
    let failure: unknown
    for (const place of manifest.places(block)) {
      for (const file of filesOf(place.file.path)) {
        try {
          return await readers.read(file.absolute, place.offset, place.sizeBytes, file.identity)
        } catch (err) {
          failure = worse(failure, err)
        }
      }
    }
    const copy = await readCopy(manifest, block, { ...parts, onFailed: err => { failure = worse(failure, err) } })
    if (copy !== undefined) return copy
    throw failure ?? new ModelswarmError('ERR_NOT_HELD', `Block ${manifest.cid(block)} is in no file here`)
  }
  const disbelieveRotten = async (block: number): Promise<void> => {
    for (const place of manifest.places(block)) {
      for (const file of filesOf(place.file.path)) {
        if (await isGoodAt(manifest, { block, file, offset: place.offset }, parts)) continue
        await store.disbelieve(file.absolute, file.identity)
        parts.onNote?.(`${file.absolute} does not hold what was published or pulled any more (a peer got wrong bytes of ` +
          'it): nobody gets it from here; pull it again into the same folder with --force, or share it again')
      }
    }
  }
  return {
    getNode: cid => store.nodes.getNode(CID.decode(cid)),
    read,
    recheck: async block => {
      await disbelieveRotten(block)
      const isGood = async (bytes: Uint8Array): Promise<boolean> => await isBlock(manifest, block, bytes, parts)
      return await isGood(await read(block)) || await readCopy(manifest, block, { ...parts, isGood }) !== undefined
    }
  }
}

/** All files of some records by their path inside the model, of which a machine may have several copies. */
function filesByPath (records: readonly ModelRecord[]): Map<string, ModelRecordFile[]> {
  const files = new Map<string, ModelRecordFile[]>()
  for (const file of records.flatMap(record => record.files)) {
    files.set(file.path, [...files.get(file.path) ?? [], file])
  }
  return files
}

/** Of two reasons why a block could not be read: a disk that fails is not hidden behind a file that is gone. */
function worse (a: unknown, b: unknown): unknown {
  return a === undefined || (!isModelswarmError(a, 'ERR_DISK') && isModelswarmError(b, 'ERR_DISK')) ? b : a
}

/** False only when the file gives other bytes: one that is gone or cannot be read is another matter. */
async function isGoodAt (
  manifest: Manifest, at: { block: number, file: ModelRecordFile, offset: number }, parts: ServeParts
): Promise<boolean> {
  const { block, file, offset } = at
  try {
    const bytes = await parts.readers.read(file.absolute, offset, manifest.sizeBytes(block), file.identity)
    return await isBlock(manifest, block, bytes, parts)
  } catch (err) {
    if (isModelswarmError(err) && err.code !== 'ERR_STOPPED') return true
    throw err
  }
}

export interface ReadCopyParts extends Pick<ServeParts, 'store' | 'readers'> {
  /** Told why a file that should have the block did not give it. */
  onFailed?: (err: ModelswarmError) => void
  /** Which bytes are the block's; a file with others is not believed any more. Default: not verified. */
  isGood?: (bytes: Uint8Array) => Promise<boolean>
}

/** The bytes of a block from any indexed file on this machine. Undefined when no file gives it. */
export async function readCopy (
  manifest: Manifest, block: number, parts: ReadCopyParts
): Promise<Uint8Array | undefined> {
  const { store, readers, onFailed, isGood } = parts
  const sizeBytes = manifest.sizeBytes(block)
  for (const place of store.places.find(manifest.digest(block))) {
    if (place.sizeBytes !== sizeBytes) continue
    try {
      const bytes = await readers.read(place.path, place.offset, sizeBytes, place.identity)
      if (isGood === undefined || await isGood(bytes)) return bytes
      await store.disbelieve(place.path, place.identity)
    } catch (err) {
      if (!isModelswarmError(err) || err.code === 'ERR_STOPPED') throw err
      // The file there is not the one indexed any more: nobody will be sent to it again. A disk that fails may recover.
      if (err.code === 'ERR_FILE_CHANGED') await store.places.dropFile(place.fileId)
      onFailed?.(err)
    }
  }
  return undefined
}
