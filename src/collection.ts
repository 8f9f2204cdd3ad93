import { CID } from 'multiformats/cid'
import { ModelswarmError } from './errors.ts'
import { absolutePath } from './files/paths.ts'
import { FileReaders } from './files/reader.ts'
import { inspect } from './inspect.ts'
import { parseLink } from './model/link.ts'
import { verifyBlock } from './model/verify.ts'
import { clock, hash } from './node-parts.ts'
import { publish } from './publish.ts'
import { knownManifest } from './serve.ts'
import { openStore } from './store/open-store.ts'
import type { Collection, Inspection, ModelSummary, Verification, VerifyOptions } from './api.ts'
import type { Manifest } from './model/manifest.ts'
import type { ModelRecord } from './store/models.ts'
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
    const { manifest, records } = await this.#find(rootOrPath, options.signal)
    const files = records.flatMap(record => record.files)
    return await inspect(manifest, { tensors: options.tensors ?? false, files, readers: this.#readers })
  }

  async verify (rootOrPath: string, options: VerifyOptions = {}): Promise<Verification> {
    const { manifest, records } = await this.#find(rootOrPath, options.signal)
    let goodBytes = 0
    const bad: Array<{ path: string, blocks: number }> = []
    let bytes = 0
    const total = manifest.totalBytes
    for (const file of manifest.files) {
      let blocks = 0
      for (let slot = file.firstSlot; slot < file.firstSlot + file.slotCount; slot++) {
        options.signal?.throwIfAborted()
        const block = manifest.blockOfSlot(slot)
        const sizeBytes = manifest.sizeBytes(block)
        const isGood = await this.#isGood(manifest, { path: file.path, block, offset: manifest.offsetOfSlot(slot) }, records)
        if (isGood) goodBytes += sizeBytes
        else blocks++
        options.onProgress?.({ bytes: bytes += sizeBytes, total })
      }
      if (blocks > 0) bad.push({ path: file.path, blocks })
    }
    await this.#forgetBad(records, bad.map(one => one.path))
    return { root: manifest.root.toString(), bytes: total, goodBytes, bad }
  }

  async forget (root: string): Promise<void> {
    const id = parseLink(root).root.toString()
    if (this.#store.models.get(id).length === 0) throw unknownRoot(root)
    await this.#store.forget(id)
  }

  async close (): Promise<void> {
    await this.#readers.close()
    await this.#store.close()
  }

  async #isGood (
    manifest: Manifest, slot: { path: string, block: number, offset: number }, records: readonly ModelRecord[]
  ): Promise<boolean> {
    const { path, block, offset } = slot
    for (const record of records) {
      const file = record.files.find(one => one.path === path)
      if (file === undefined) continue
      try {
        const bytes = await this.#readers.read(file.absolute, offset, manifest.sizeBytes(block), file.identity)
        await verifyBlock(manifest, block, bytes, { hash })
        return true
      } catch (err) {
        // Wrong bytes, or another file than was indexed: bad. A disk that fails is told, not called a bad block.
        if (!(err instanceof ModelswarmError) || !['ERR_BAD_BLOCK', 'ERR_FILE_CHANGED'].includes(err.code)) throw err
      }
    }
    return false
  }

  /** What turned out bad is believed no longer: neither served nor copied from. */
  async #forgetBad (records: readonly ModelRecord[], paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return
    for (const record of records) {
      for (const file of record.files) if (paths.includes(file.path)) await this.#store.places.dropPath(file.absolute)
      const files = record.files.filter(file => !paths.includes(file.path))
      const heldBytes = files.reduce((sum, file) => sum + file.identity.sizeBytes, 0)
      await this.#store.models.put({ ...record, files, heldBytes })
    }
  }

  async #find (rootOrPath: string, signal: AbortSignal | undefined): Promise<Found> {
    const root = asRoot(rootOrPath)
    if (root !== undefined) {
      const records = this.#store.models.get(root.toString())
      const manifest = await knownManifest(root, { store: this.#store, hash })
      if (manifest === undefined) throw unknownRoot(root.toString())
      return { manifest, records }
    }
    const path = absolutePath(rootOrPath)
    const records = this.#store.models.list().filter(record => record.path === path)
    const newest = records.at(-1)
    if (newest !== undefined) return await this.#find(newest.root, signal)
    const parts = { store: this.#store, readers: this.#readers, hash, clock, isListed: false, signal }
    const { manifest, record } = await publish(rootOrPath, parts)
    return { manifest, records: [record] }
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

function unknownRoot (root: string): ModelswarmError {
  return new ModelswarmError('ERR_UNKNOWN_ROOT',
    `${root.slice(0, 80)} is not in this state folder; "modelswarm ls" lists what is`, { blockId: root })
}
