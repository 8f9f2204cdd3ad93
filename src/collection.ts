import './polyfill.ts'
import { CID } from 'multiformats/cid'
import { ModelswarmError } from './errors.ts'
import { checkFile } from './files/check-file.ts'
import { isAbsent } from './files/disk-error.ts'
import { isStill, sameIdentity } from './files/file-identity.ts'
import { absolutePath } from './files/paths.ts'
import { FileReaders } from './files/reader.ts'
import { targetHolder } from './files/target.ts'
import { describe } from './inspect/describe.ts'
import { parseLink } from './model/link.ts'
import { isBlock } from './model/verify.ts'
import { HashWorkers } from './node/hash-workers.ts'
import { NoCollection } from './node/no-collection.ts'
import { asRoot, nothingAt, unknownRoot } from './node/not-here.ts'
import { checkAbortSignal, checkDir, checkFunction, checkKeys, checkPath, checkFlag } from './node/options.ts'
import { clock, hash } from './node/ports.ts'
import { unfinishedPulls } from './node/unfinished.ts'
import { knownManifest } from './serve.ts'
import { openStore } from './store/open-store.ts'
import type { Collection, CollectionOptions, Inspection, ModelSummary, Verification, VerifyOptions } from './api.ts'
import type { CheckedFile, ExpectedBlock } from './files/check-file.ts'
import type { FileIdentity } from './files/file-identity.ts'
import type { Manifest, ManifestFile } from './model/manifest.ts'
import type { ModelRecord, ModelRecordFile } from './store/models.ts'
import type { Store } from './store/open-store.ts'

/**
 * Opens what a state folder holds, without a network. Shares the folder with any number of running nodes.
 *
 * @throws ModelswarmError ERR_STATE_VERSION, ERR_STATE_DAMAGED, ERR_PATH_KIND, ERR_PATH_PERMISSION, ERR_DISK;
 *   the signal's reason when aborted
 */
export async function openCollection (options: CollectionOptions): Promise<Collection> {
  checkKeys('openCollection', options, ['dir', 'create', 'signal'])
  checkDir('openCollection', options.dir)
  checkFlag('openCollection', 'create', options.create)
  checkAbortSignal('openCollection', options.signal)
  options.signal?.throwIfAborted()
  if (options.create === false && await isAbsent(options.dir)) return new NoCollection()
  const store = await openStore(options.dir)
  if (options.signal?.aborted === true) await store.close()
  options.signal?.throwIfAborted()
  return new StoreCollection(store)
}

/** A model found in the state folder, or indexed just now. */
interface Found {
  readonly manifest: Manifest
  readonly records: readonly ModelRecord[]
}

class StoreCollection implements Collection {
  readonly #store: Store
  readonly #readers = new FileReaders()
  readonly #workers = new HashWorkers()

  constructor (store: Store) {
    this.#store = store
  }

  async list (): Promise<ModelSummary[]> {
    const complete = this.#store.models.list().map(async record => ({
      root: record.root,
      name: record.name,
      path: record.path,
      bytes: record.totalBytes,
      heldBytes: await heldBytesOf(record),
      origin: record.origin
    }))
    return [...await Promise.all(complete), ...await unfinishedPulls({ store: this.#store, hash })]
  }

  async inspect (rootOrPath: string, options: { tensors?: boolean, signal?: AbortSignal } = {}): Promise<Inspection> {
    checkPath('inspect', 'rootOrPath', rootOrPath)
    checkKeys('inspect', options, ['tensors', 'signal'])
    checkFlag('inspect', 'tensors', options.tensors)
    checkAbortSignal('inspect', options.signal)
    const { tensors = false, signal } = options
    signal?.throwIfAborted()
    const { manifest, records } = await this.#find(rootOrPath) ?? await this.#index(rootOrPath, signal)
    signal?.throwIfAborted()
    const files = records.flatMap(record => record.files)
    return await describe(manifest, { tensors, files, readers: this.#readers, signal })
  }

  async verify (rootOrPath: string, options: VerifyOptions = {}): Promise<Verification> {
    checkPath('verify', 'rootOrPath', rootOrPath)
    checkKeys('verify', options, ['onProgress', 'signal'])
    checkFunction('verify', 'onProgress', options.onProgress)
    checkAbortSignal('verify', options.signal)
    options.signal?.throwIfAborted()
    const found = await this.#find(rootOrPath)
    if (found === undefined) {
      throw await nothingAt(rootOrPath, this.#store.models.list())
    }
    const { manifest, records } = found
    if (records.length === 0) {
      const [begun] = this.#store.held.targets(manifest.root.toString())
      throw new ModelswarmError('ERR_UNKNOWN_ROOT', `No copy of ${rootOrPath.slice(0, 80)} is complete on this machine: ` +
        (begun === undefined
          ? 'pull it first, which verifies it'
          : `the pull into ${begun} has not ended; run it again, it verifies what is there and goes on`))
    }
    const bad: Array<{ path: string, blocks: number }> = []
    const total = records.reduce((sum, record) => sum + bytesOf(record, manifest), 0)
    let bytes = 0
    let goodBytes = 0
    const onBlock = (sizeBytes: number): void => { options.onProgress?.({ bytes: bytes += sizeBytes, total }) }
    for (const record of records) {
      for (const file of record.files) {
        const checked = await this.#check(manifest, file, { onBlock, signal: options.signal })
        goodBytes += checked.goodBytes
        if (checked.identity === undefined) {
          bad.push({ path: records.length === 1 ? file.path : file.absolute, blocks: checked.badBlocks })
        }
        await this.#believe(manifest, file, checked.identity)
      }
    }
    const isPart = records.every(record => record.files.length < manifest.files.length)
    return { root: manifest.root.toString(), copies: records.length, bytes: total, goodBytes, bad, isPart }
  }

  async forget (root: string): Promise<void> {
    checkPath('forget', 'root', root)
    const id = parseLink(root).root.toString()
    const { models, held } = this.#store
    const targets = held.targets(id)
    if (models.get(id).length === 0 && targets.length === 0) throw unknownRoot(root)
    for (const dir of targets) {
      // Its pull would record it again.
      const holder = await targetHolder(dir)
      if (holder === undefined) continue
      throw new ModelswarmError('ERR_TARGET_BUSY',
        `Cannot forget ${id}: process ${holder.pid} is pulling into ${dir}; wait until it is done or stop it`,
        { path: dir, received: holder.pid })
    }
    await this.#store.forget(id)
  }

  async close (): Promise<void> {
    await this.#workers.close()
    await this.#readers.close()
    await this.#store.close()
  }

  async #index (path: string, signal: AbortSignal | undefined): Promise<Found> {
    const { publish } = await import('./publish.ts')
    const { manifest, record } = await publish(path, {
      store: this.#store,
      readers: this.#readers,
      hash,
      hasher: this.#workers,
      clock,
      isListed: false,
      signal
    })
    return { manifest, records: [record] }
  }

  async #check (
    manifest: Manifest, { path, absolute }: ModelRecordFile,
    options: { onBlock: (sizeBytes: number) => void, signal: AbortSignal | undefined }
  ): Promise<CheckedFile> {
    const file = fileIn(manifest, path)
    return await checkFile(absolute, {
      ...options,
      blocks: blocksOf(manifest, file),
      sizeBytes: file?.sizeBytes ?? 0,
      isGood: async (block, bytes) => await isBlock(manifest, block, bytes, { hash })
    })
  }

  /**
   * A file that turned out bad is neither served nor copied from until it is published or pulled again, or found good
   * here; one that is good with other times or another inode is indexed as it is now. Running nodes follow.
   */
  async #believe (manifest: Manifest, file: ModelRecordFile, identity: FileIdentity | undefined): Promise<void> {
    const { absolute } = file
    if (identity === undefined) return await this.#store.disbelieve(absolute, file.identity)
    if (sameIdentity(identity, file.identity)) return
    const inModel = fileIn(manifest, file.path)
    if (inModel !== undefined) {
      const { digests, sizes } = manifest.blocksOf(inModel)
      await this.#store.places.replaceFile({ path: absolute, identity, leaf: inModel.leaf }, digests, sizes)
    }
    const root = manifest.root.toString()
    await this.#store.models.setIdentity(identity, (one, of) => of === root && one.absolute === absolute)
  }

  /**
   * A root with all its copies here, or the one copy at a path, none where a pull into it has not ended; undefined for
   * a path that nothing is recorded of.
   */
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
    const known = newest ?? [...this.#store.held.list()].find(({ target }) => target === path)
    if (known === undefined) return undefined
    const manifest = await knownManifest(CID.parse(known.root), { store: this.#store, hash })
    return manifest === undefined ? undefined : { manifest, records: newest === undefined ? [] : [newest] }
  }
}

function bytesOf (record: ModelRecord, manifest: Manifest): number {
  const sizes = new Map(manifest.files.map(file => [file.path, file.sizeBytes]))
  return record.files.reduce((sum, file) => sum + (sizes.get(file.path) ?? 0), 0)
}

/** Bytes of the files that are still there as they were indexed; nothing is read. */
async function heldBytesOf (record: ModelRecord): Promise<number> {
  let bytes = 0
  for (const { absolute, identity } of record.files) {
    if (await isStill(absolute, identity)) bytes += identity.sizeBytes
  }
  return Math.min(bytes, record.heldBytes)
}

function fileIn (manifest: Manifest, path: string): ManifestFile | undefined {
  return manifest.files.find(one => one.path === path)
}

function * blocksOf (manifest: Manifest, file: ManifestFile | undefined): Generator<ExpectedBlock> {
  if (file === undefined) return
  for (let slot = file.firstSlot; slot < file.firstSlot + file.slotCount; slot++) {
    const block = manifest.blockOfSlot(slot)
    yield { block, offset: manifest.offsetOfSlot(slot), sizeBytes: manifest.sizeBytes(block) }
  }
}
