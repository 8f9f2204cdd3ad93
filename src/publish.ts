import { pipe } from 'it-pipe'
import { cut } from './cut/cut.ts'
import { cutLengths, planCuts } from './cut/plan.ts'
import { spanLengths } from './cut/spans.ts'
import { PROGRESS_INTERVAL_MS, PUBLISH_BUDGET_BYTES, READ_BYTES } from './defaults.ts'
import { identityOf } from './files/file-identity.ts'
import { absolutePath, nameOf } from './files/paths.ts'
import { ReadBuffers } from './files/read-buffers.ts'
import { readSpans } from './files/read-spans.ts'
import { walk } from './files/walk.ts'
import { readTensorTable } from './formats/tensor-table.ts'
import { HASHED_SPANS, INDEX_BATCH_BLOCKS, INDEX_BATCH_NODES } from './machine-defaults.ts'
import { DIGEST_BYTES } from './model/block-id.ts'
import { checkNames } from './model/safe-name.ts'
import { TreeBuilder } from './model/tree.ts'
import type { PublishEvent } from './events.ts'
import type { FileIdentity } from './files/file-identity.ts'
import type { FileReaders } from './files/reader.ts'
import type { WalkedEntry } from './files/walk.ts'
import type { Hash, HashMany } from './model/block-id.ts'
import type { Manifest } from './model/manifest.ts'
import type { Leaf } from './model/tree.ts'
import type { TreeNode } from './store/tree-nodes.ts'
import type { ModelRecord, ModelRecordFile } from './store/models.ts'
import type { Store } from './store/open-store.ts'
import type { Clock } from './swarm/ports.ts'
import type { CID } from 'multiformats/cid'

// publish   path > walk > cut at tensor boundaries > hash > index > UnixFS tree > root
//
// Files are indexed where they lie; a file indexed before and unchanged since is not read again.

export interface PublishParts {
  store: Store
  readers: FileReaders
  /** For tree nodes; blocks go through hashMany. */
  hash: Hash
  hashMany: HashMany
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
  const attempted = parts.isListed === false ? 'inspect' : 'publish'
  for await (const entry of walk(path, { onNote, attempted, ...(signal !== undefined && { signal }) })) {
    entries.push(entry)
    if (entry.kind === 'file') total += entry.sizeBytes
  }
  // Nobody should publish what nobody can pull.
  checkNames({
    files: entries.filter(entry => entry.kind === 'file'),
    emptyFolders: entries.filter(entry => entry.kind === 'emptyFolder').map(entry => entry.path)
  })
  const nodes = new NodeWriter(store)
  const buffers = new ReadBuffers(PUBLISH_BUDGET_BYTES / READ_BYTES, READ_BYTES)
  const onNode = async (cid: CID, bytes: Uint8Array): Promise<void> => { await nodes.add({ cid, bytes }) }
  const builder = new TreeBuilder({ hash: parts.hash, onNode })
  const files: ModelRecordFile[] = []
  let done = 0
  let toldAt = -Infinity
  for (const entry of entries) {
    if (entry.kind === 'emptyFolder') {
      await builder.addEmptyFolder(entry.path)
      continue
    }
    const identity = await identityOf(entry.absolute)
    const leaves = await leavesOf(entry.path, entry.absolute, identity, { ...parts, buffers })
    await builder.addFile(entry.path, pipe(leaves, async function * (source) {
      for await (const leaf of source) {
        // Here for files whose blocks come from the index: what is read ends by itself.
        signal?.throwIfAborted()
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
  path: string, absolute: string, identity: FileIdentity, parts: PublishParts & { buffers: ReadBuffers }
): Promise<AsyncIterable<Leaf> | Iterable<Leaf>> {
  const { store, readers, buffers, signal } = parts
  const known = store.places.indexedFile(absolute, identity)
  if (known !== undefined) return store.places.blocksOf(known.fileId)
  const fileBytes = identity.sizeBytes
  const table = await readTensorTable(path, async (offset, length) => {
    return await readers.read(absolute, offset, Math.min(length, fileBytes - offset), identity)
  }, fileBytes)
  const plan = planCuts(fileBytes, table)
  const fileId = await store.places.addFile({ path: absolute, identity })
  return pipe(
    readSpans(absolute, { lengths: spanLengths(cutLengths(plan), READ_BYTES), buffers, expected: identity, signal }),
    cut(cutLengths(plan)),
    source => hashBlocks(source, parts.hashMany, buffers),
    source => indexBlocks(source, store, fileId)
  )
}

/** Hashes blocks, a span of the file at a time, off the main thread; gives digests in order, and buffers back. */
async function * hashBlocks (
  source: AsyncIterable<Uint8Array>, hashMany: HashMany, buffers: ReadBuffers
): AsyncGenerator<Leaf> {
  const underWay: Array<{ digests: Promise<Uint8Array>, sizes: number[] }> = []
  let span: Uint8Array[] = []
  const begin = (): void => {
    const blocks = span
    span = []
    const buffer = blocks[0]?.buffer
    const digests = hashMany(blocks).finally(() => {
      if (buffer instanceof SharedArrayBuffer) buffers.giveBack(buffer)
    })
    digests.catch(() => { /* awaited in order below */ })
    underWay.push({ digests, sizes: blocks.map(block => block.byteLength) })
  }
  async function * end (): AsyncGenerator<Leaf> {
    const first = underWay.shift()
    if (first === undefined) return
    const digests = await first.digests
    for (const [i, sizeBytes] of first.sizes.entries()) {
      yield { digest: digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES), sizeBytes }
    }
  }
  for await (const block of source) {
    if (span.length > 0 && span[0]?.buffer !== block.buffer) begin()
    span.push(block)
    if (underWay.length > HASHED_SPANS) yield * end()
  }
  if (span.length > 0) begin()
  while (underWay.length > 0) yield * end()
}

async function * indexBlocks (source: AsyncIterable<Leaf>, store: Store, fileId: number): AsyncGenerator<Leaf> {
  let digests = new Uint8Array(INDEX_BATCH_BLOCKS * DIGEST_BYTES)
  let sizes: number[] = []
  const flush = async (): Promise<void> => {
    await store.places.addBlocks(fileId, digests.subarray(0, sizes.length * DIGEST_BYTES), sizes)
    digests = new Uint8Array(INDEX_BATCH_BLOCKS * DIGEST_BYTES)
    sizes = []
  }
  for await (const leaf of source) {
    digests.set(leaf.digest, sizes.length * DIGEST_BYTES)
    sizes.push(leaf.sizeBytes)
    if (sizes.length === INDEX_BATCH_BLOCKS) await flush()
    yield leaf
  }
  await flush()
  await store.places.completeFile(fileId)
}

/** Writes tree nodes in batches. */
class NodeWriter {
  readonly #store: Store
  #batch: TreeNode[] = []

  constructor (store: Store) {
    this.#store = store
  }

  async add (node: TreeNode): Promise<void> {
    this.#batch.push(node)
    if (this.#batch.length >= INDEX_BATCH_NODES) await this.flush()
  }

  async flush (): Promise<void> {
    const batch = this.#batch
    this.#batch = []
    await this.#store.nodes.putNodes(batch)
  }
}
