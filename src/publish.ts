import { pipe } from 'it-pipe'
import { cut } from './cut/cut.ts'
import { cutLengths, planCuts } from './cut/plan.ts'
import { PROGRESS_INTERVAL_MS, PUBLISH_BUDGET_BYTES, READ_BYTES } from './defaults.ts'
import { identityOf } from './files/file-identity.ts'
import { absolutePath, nameOf } from './files/paths.ts'
import { readFileChunks } from './files/reader.ts'
import { walk } from './files/walk.ts'
import { readTensorTable } from './formats/tensor-table.ts'
import { DIGEST_BYTES } from './model/block-id.ts'
import { checkNames } from './model/safe-name.ts'
import { TreeBuilder } from './model/tree.ts'
import type { PublishEvent } from './events.ts'
import type { FileIdentity } from './files/file-identity.ts'
import type { FileReaders } from './files/reader.ts'
import type { WalkedEntry } from './files/walk.ts'
import type { Hash } from './model/block-id.ts'
import type { Manifest } from './model/manifest.ts'
import type { Leaf } from './model/tree.ts'
import type { TreeNode } from './store/tree-nodes.ts'
import type { ModelRecord, ModelRecordFile } from './store/models.ts'
import type { Store } from './store/open-store.ts'
import type { Clock } from './swarm/ports.ts'

// publish   path > walk > cut at tensor boundaries > hash > index > UnixFS tree > root
//
// Files are indexed where they lie; a file indexed before and unchanged since is not read again.

export interface PublishParts {
  store: Store
  readers: FileReaders
  hash: Hash
  clock: Clock
  /** False to index and look only, without taking the model into the state folder's list. */
  isListed?: boolean
  onProgress?: ((event: PublishEvent) => void) | undefined
  signal?: AbortSignal | undefined
}

/** What a path holds, indexed: its record in the state folder, and its manifest. */
export interface Indexed {
  readonly record: ModelRecord
  readonly manifest: Manifest
}

/**
 * Indexes a file or folder where it lies.
 *
 * @throws ModelswarmError ERR_PATH_NOT_FOUND, ERR_PATH_EMPTY, ERR_PATH_KIND, ERR_PATH_PERMISSION, ERR_UNSAFE_NAME,
 *   ERR_TREE_LIMIT, ERR_FILE_CHANGED, ERR_NO_SPACE, ERR_DISK; the signal's reason when aborted
 */
export async function publish (path: string, parts: PublishParts): Promise<Indexed> {
  const { store, onProgress, signal } = parts
  const entries: WalkedEntry[] = []
  let total = 0
  const onNote = (message: string): void => { onProgress?.({ type: 'note', message }) }
  for await (const entry of walk(path, { onNote, ...(signal !== undefined && { signal }) })) {
    entries.push(entry)
    if (entry.kind === 'file') total += entry.sizeBytes
  }
  const nodes = new NodeWriter(store)
  const builder = new TreeBuilder({ hash: parts.hash, onNode: async (cid, bytes) => { await nodes.add({ cid, bytes }) } })
  const files: ModelRecordFile[] = []
  let done = 0
  let toldAt = -Infinity
  for (const entry of entries) {
    if (entry.kind === 'emptyFolder') {
      await builder.addEmptyFolder(entry.path)
      continue
    }
    const identity = await identityOf(entry.absolute)
    const leaves = await leavesOf(entry.path, entry.absolute, identity, parts)
    await builder.addFile(entry.path, pipe(leaves, async function * (source) {
      for await (const leaf of source) {
        done += leaf.sizeBytes
        const now = parts.clock.now()
        if (now - toldAt >= PROGRESS_INTERVAL_MS || done === total) {
          toldAt = now
          onProgress?.({ type: 'hashing', path: entry.path, bytes: done, total })
        }
        yield leaf
      }
    }))
    files.push({ path: entry.path, absolute: entry.absolute, identity })
  }
  const manifest = await builder.finish()
  // Nobody should publish what nobody can pull.
  checkNames(manifest)
  await nodes.flush()
  const record: ModelRecord = {
    root: manifest.root.toString(),
    name: nameOf(path),
    path: absolutePath(path),
    origin: 'published',
    totalBytes: manifest.totalBytes,
    blockCount: manifest.blockCount,
    distinctBytes: manifest.distinctBytes,
    heldBytes: manifest.totalBytes,
    files,
    createdAtMs: Date.now()
  }
  if (parts.isListed !== false) await store.models.put(record)
  return { record, manifest }
}

/** The blocks of a file, from the index where it is unchanged, else read, cut and hashed, and put into the index. */
async function leavesOf (
  path: string, absolute: string, identity: FileIdentity, parts: PublishParts
): Promise<AsyncIterable<Leaf> | Iterable<Leaf>> {
  const { store, readers, hash, signal } = parts
  const known = store.places.indexedFile(absolute, identity)
  if (known !== undefined) return store.places.blocksOf(known.fileId)
  const fileBytes = identity.sizeBytes
  const table = await readTensorTable(path, async (offset, length) => {
    return await readers.read(absolute, offset, Math.min(length, fileBytes - offset), identity)
  }, fileBytes)
  const plan = planCuts(fileBytes, table)
  const fileId = await store.places.addFile({ path: absolute, identity })
  return pipe(
    readFileChunks(absolute, { chunkBytes: READ_BYTES, expected: identity, ...(signal !== undefined && { signal }) }),
    cut(cutLengths(plan)),
    source => hashBlocks(source, hash),
    source => indexBlocks(source, store, fileId)
  )
}

/** Hashes blocks, several at a time off the main thread, in order; at most PUBLISH_BUDGET_BYTES are on their way. */
async function * hashBlocks (source: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Leaf> {
  const underWay: Array<{ digest: Promise<Uint8Array>, sizeBytes: number }> = []
  let bytes = 0
  async function next (): Promise<Leaf | undefined> {
    const first = underWay.shift()
    if (first === undefined) return undefined
    bytes -= first.sizeBytes
    return { digest: await first.digest, sizeBytes: first.sizeBytes }
  }
  for await (const block of source) {
    const digest = hash(block)
    digest.catch(() => { /* awaited in order below */ })
    underWay.push({ digest, sizeBytes: block.byteLength })
    bytes += block.byteLength
    while (bytes > PUBLISH_BUDGET_BYTES) {
      const leaf = await next()
      if (leaf !== undefined) yield leaf
    }
  }
  for (let leaf = await next(); leaf !== undefined; leaf = await next()) yield leaf
}

const INDEX_BATCH = 4096

async function * indexBlocks (source: AsyncIterable<Leaf>, store: Store, fileId: number): AsyncGenerator<Leaf> {
  let digests = new Uint8Array(INDEX_BATCH * DIGEST_BYTES)
  let sizes: number[] = []
  const flush = async (): Promise<void> => {
    await store.places.addBlocks(fileId, digests.subarray(0, sizes.length * DIGEST_BYTES), sizes)
    digests = new Uint8Array(INDEX_BATCH * DIGEST_BYTES)
    sizes = []
  }
  for await (const leaf of source) {
    digests.set(leaf.digest, sizes.length * DIGEST_BYTES)
    sizes.push(leaf.sizeBytes)
    if (sizes.length === INDEX_BATCH) await flush()
    yield leaf
  }
  await flush()
  await store.places.completeFile(fileId)
}

const NODE_BATCH = 64

/** Writes tree nodes in batches. */
class NodeWriter {
  readonly #store: Store
  #batch: TreeNode[] = []

  constructor (store: Store) {
    this.#store = store
  }

  async add (node: TreeNode): Promise<void> {
    this.#batch.push(node)
    if (this.#batch.length >= NODE_BATCH) await this.flush()
  }

  async flush (): Promise<void> {
    const batch = this.#batch
    this.#batch = []
    await this.#store.nodes.putNodes(batch)
  }
}
