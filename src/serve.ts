import { CID } from 'multiformats/cid'
import { ModelswarmError } from './errors.ts'
import { identityOf, sameIdentity } from './files/file-identity.ts'
import { Bitfield } from './model/bitfield.ts'
import { resolveManifest } from './model/resolve.ts'
import type { FileReaders } from './files/reader.ts'
import type { Hash } from './model/block-id.ts'
import type { Manifest } from './model/manifest.ts'
import type { ModelRecord } from './store/models.ts'
import type { Store } from './store/open-store.ts'
import type { BlockAccess } from './swarm/ports.ts'

// serve   stream > wire > policy > read > encode > wire > stream
//                                  ^^^^ here: which file gives a block. The rest is swarm/uploader.ts.

export interface ServeParts {
  store: Store
  readers: FileReaders
  hash: Hash
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

/** Blocks that lie in the complete, unchanged files of these records. */
export async function heldBlocks (manifest: Manifest, records: readonly ModelRecord[]): Promise<Bitfield> {
  const held = new Bitfield(manifest.blockCount)
  const good = new Set<string>()
  for (const record of records) {
    for (const file of record.files) if (await isUnchanged(file)) good.add(file.path)
  }
  for (const file of manifest.files) {
    if (!good.has(file.path)) continue
    for (let slot = file.firstSlot; slot < file.firstSlot + file.slotCount; slot++) held.add(manifest.blockOfSlot(slot))
  }
  return held
}

async function isUnchanged (file: ModelRecord['files'][number]): Promise<boolean> {
  try {
    return sameIdentity(await identityOf(file.absolute), file.identity)
  } catch (err) {
    // Gone, or no longer ours to read: not held. A failing disk is told, not taken for absence.
    if (err instanceof ModelswarmError && err.code !== 'ERR_DISK') return false
    throw err
  }
}

/** Serves blocks from the files of these records, and from any other file on this machine that shows them. */
export function recordAccess (manifest: Manifest, records: readonly ModelRecord[], parts: ServeParts): BlockAccess {
  const files = new Map<string, ModelRecord['files'][number]>()
  for (const record of records) for (const file of record.files) files.set(file.path, file)
  return {
    getNode: cid => parts.store.nodes.getNode(CID.decode(cid)),
    read: async block => {
      let failure: unknown
      for (const place of manifest.places(block)) {
        const file = files.get(place.file.path)
        if (file === undefined) continue
        try {
          return await parts.readers.read(file.absolute, place.offset, place.sizeBytes, file.identity)
        } catch (err) {
          failure = err
        }
      }
      const copy = await readCopy(manifest, block, parts)
      if (copy !== undefined) return copy
      throw failure ?? new ModelswarmError('ERR_NOT_HELD', `Block ${manifest.cid(block)} is in no file here`)
    }
  }
}

/** The bytes of a block from any indexed file on this machine; not verified. Undefined when no file gives it. */
export async function readCopy (manifest: Manifest, block: number, parts: Pick<ServeParts, 'store' | 'readers'>): Promise<Uint8Array | undefined> {
  const sizeBytes = manifest.sizeBytes(block)
  for (const place of parts.store.places.find(manifest.digest(block))) {
    if (place.sizeBytes !== sizeBytes) continue
    try {
      return await parts.readers.read(place.path, place.offset, sizeBytes, place.identity)
    } catch (err) {
      if (!(err instanceof ModelswarmError)) throw err
      // The file there is not the one indexed any more: nobody will be sent to it again.
      if (err.code === 'ERR_FILE_CHANGED') await parts.store.places.dropFile(place.fileId)
    }
  }
  return undefined
}
