import { isModelswarmError, ModelswarmError } from './errors.ts'
import { CID } from 'multiformats/cid'
import { absolutePath } from './files/paths.ts'
import { FileReaders } from './files/reader.ts'
import { inspect } from './inspect.ts'
import { parseLink } from './model/link.ts'
import { verifyBlock } from './model/verify.ts'
import { hashWorkers } from './node/hash-workers.ts'
import { clock, hash } from './node/ports.ts'
import { publish } from './publish.ts'
import { knownManifest } from './serve.ts'
import { openStore } from './store/open-store.ts'
import type { Collection, Inspection, ModelSummary, Verification, VerifyOptions } from './api.ts'
import type { FileIdentity } from './files/file-identity.ts'
import type { Manifest } from './model/manifest.ts'
import type { ModelRecord, ModelRecordFile } from './store/models.ts'
import type { Store } from './store/open-store.ts'

/**
 * Opens what a state folder holds, without a network. Shares the folder with any number of running nodes.
 *
 * @throws ModelswarmError ERR_STATE_VERSION, ERR_STATE_DAMAGED, ERR_PATH_KIND, ERR_PATH_PERMISSION, ERR_DISK
 */
export async function openCollection (options: { dir: string }): Promise<Collection> {
  return new StoreCollection(await openStore(options.dir))
}

/** A model found in the state folder, or indexed just now. */
interface Found {
  readonly manifest: Manifest
  readonly records: readonly ModelRecord[]
}

class StoreCollection implements Collection {
  readonly #store: Store
  readonly #readers = new FileReaders()
  readonly #workers = hashWorkers()

  constructor (store: Store) {
    this.#store = store
  }

  async list (): Promise<ModelSummary[]> {
    return this.#store.models.list().map(record => ({
      root: record.root,
      name: record.name,
      path: record.path,
      bytes: record.totalBytes,
      heldBytes: record.heldBytes,
      origin: record.origin
    }))
  }

  async inspect (rootOrPath: string, options: { tensors?: boolean, signal?: AbortSignal } = {}): Promise<Inspection> {
    const { manifest, records } = await this.#find(rootOrPath) ?? await this.#index(rootOrPath, options.signal)
    const files = records.flatMap(record => record.files)
    return await inspect(manifest, { tensors: options.tensors ?? false, files, readers: this.#readers })
  }

  async verify (rootOrPath: string, options: VerifyOptions = {}): Promise<Verification> {
    const found = await this.#find(rootOrPath)
    if (found === undefined) {
      throw new ModelswarmError('ERR_UNKNOWN_ROOT',
        `Nothing was published from or pulled to ${rootOrPath}, so there is nothing to compare it with`)
    }
    const { manifest, records } = found
    const bad: Array<{ path: string, blocks: number }> = []
    const total = records.reduce((sum, record) => sum + bytesOf(record, manifest), 0)
    let bytes = 0
    let goodBytes = 0
    for (const record of records) {
      const badFiles = new Set<string>()
      for (const file of record.files) {
        let blocks = 0
        for (const { block, offset, sizeBytes } of slotsOf(manifest, file.path)) {
          options.signal?.throwIfAborted()
          if (await this.#isGood(manifest, file, { block, offset })) goodBytes += sizeBytes
          else blocks++
          options.onProgress?.({ bytes: bytes += sizeBytes, total })
        }
        if (blocks === 0) continue
        badFiles.add(file.path)
        bad.push({ path: records.length === 1 ? file.path : file.absolute, blocks })
      }
      if (badFiles.size > 0) await this.#disbelieve(record, badFiles)
    }
    return { root: manifest.root.toString(), bytes: total, goodBytes, bad }
  }

  async forget (root: string): Promise<void> {
    const id = parseLink(root).root.toString()
    if (this.#store.models.get(id).length === 0) throw unknownRoot(root)
    await this.#store.forget(id)
  }

  async close (): Promise<void> {
    await this.#workers.close()
    await this.#readers.close()
    await this.#store.close()
  }

  async #index (path: string, signal: AbortSignal | undefined): Promise<Found> {
    const { manifest, record } = await publish(path, {
      store: this.#store,
      readers: this.#readers,
      hash,
      hashMany: this.#workers.hashMany,
      clock,
      isListed: false,
      signal
    })
    return { manifest, records: [record] }
  }

  async #isGood (manifest: Manifest, file: ModelRecordFile, at: { block: number, offset: number }): Promise<boolean> {
    try {
      const bytes = await this.#readers.read(file.absolute, at.offset, manifest.sizeBytes(at.block), file.identity)
      await verifyBlock(manifest, at.block, bytes, { hash })
      return true
    } catch (err) {
      // Wrong bytes, or another file than was indexed: bad. A disk that fails is told, not called a bad block.
      if (isModelswarmError(err, 'ERR_BAD_BLOCK', 'ERR_FILE_CHANGED')) return false
      throw err
    }
  }

  /** Files that turned out bad are neither served nor copied from until they are published or pulled again. */
  async #disbelieve (record: ModelRecord, paths: ReadonlySet<string>): Promise<void> {
    for (const file of record.files) if (paths.has(file.path)) await this.#store.places.dropPath(file.absolute)
    const files = record.files.map(file => paths.has(file.path) ? { ...file, identity: NO_FILE } : file)
    await this.#store.models.put({ ...record, files })
  }

  /** A root with all its copies here, or the one copy at a path; undefined for a path that nothing is recorded of. */
  async #find (rootOrPath: string): Promise<Found | undefined> {
    const root = asRoot(rootOrPath)
    if (root !== undefined) {
      const records = this.#store.models.get(root.toString())
      const manifest = await knownManifest(root, { store: this.#store, hash })
      if (manifest === undefined) throw unknownRoot(root.toString())
      return { manifest, records }
    }
    const path = absolutePath(rootOrPath)
    const newest = this.#store.models.list().filter(record => record.path === path).at(-1)
    if (newest === undefined) return undefined
    const manifest = await knownManifest(CID.parse(newest.root), { store: this.#store, hash })
    return manifest === undefined ? undefined : { manifest, records: [newest] }
  }
}

/** The root that a text names; undefined for a text that must be a path. */
export function asRoot (text: string): CID | undefined {
  try {
    return parseLink(text).root
  } catch (err) {
    if (err instanceof ModelswarmError && err.code === 'ERR_BAD_LINK' && !text.startsWith('modelswarm:') && !text.startsWith('ipfs:')) {
      return undefined
    }
    throw err
  }
}

/** An identity that no file has. */
const NO_FILE: FileIdentity = { sizeBytes: 0, mtimeNs: -1n, ctimeNs: -1n, inode: 0n }

function bytesOf (record: ModelRecord, manifest: Manifest): number {
  const sizes = new Map(manifest.files.map(file => [file.path, file.sizeBytes]))
  return record.files.reduce((sum, file) => sum + (sizes.get(file.path) ?? 0), 0)
}

function * slotsOf (manifest: Manifest, path: string): Generator<{ block: number, offset: number, sizeBytes: number }> {
  const file = manifest.files.find(one => one.path === path)
  if (file === undefined) return
  for (let slot = file.firstSlot; slot < file.firstSlot + file.slotCount; slot++) {
    const block = manifest.blockOfSlot(slot)
    yield { block, offset: manifest.offsetOfSlot(slot), sizeBytes: manifest.sizeBytes(block) }
  }
}

function unknownRoot (root: string): ModelswarmError {
  return new ModelswarmError('ERR_UNKNOWN_ROOT',
    `${root.slice(0, 80)} is not in this state folder; "modelswarm ls" lists what is`, { blockId: root })
}
