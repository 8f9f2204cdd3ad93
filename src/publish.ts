import { pipe } from 'it-pipe'
import { PROGRESS_INTERVAL_MS } from './defaults.ts'
import { absolutePath, nameOf } from './files/paths.ts'
import { INDEX_BATCH_NODES } from './machine-defaults.ts'
import { TreeBuilder } from './model/tree.ts'
import { indexFiles } from './publish/index-files.ts'
import { walkModel } from './publish/walk-model.ts'
import type { PublishEvent } from './events.ts'
import type { FileReaders } from './files/reader.ts'
import type { SpanHasher } from './files/hash-spans.ts'
import type { Hash } from './model/block-id.ts'
import type { Manifest } from './model/manifest.ts'
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
  /** For tree nodes; blocks go through the hasher. */
  hash: Hash
  hasher: SpanHasher
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
  const onNote = (message: string): void => { onProgress?.({ type: 'note', message }) }
  const attempted = parts.isListed === false ? 'inspect' : 'publish'
  const entries = await walkModel(path, { onNote, attempted, ...(signal !== undefined && { signal }) })
  const total = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.sizeBytes : 0), 0)
  const nodes = new NodeWriter(store)
  const onNode = async (cid: CID, bytes: Uint8Array): Promise<void> => { await nodes.add({ cid, bytes }) }
  const builder = new TreeBuilder({ hash: parts.hash, onNode })
  const files: ModelRecordFile[] = []
  let done = 0
  let toldAt = -Infinity
  for await (const entry of indexFiles(entries, parts)) {
    if (entry.kind === 'emptyFolder') {
      await builder.addEmptyFolder(entry.path)
      continue
    }
    await builder.addFile(entry.path, pipe(entry.leaves, async function * (source) {
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
    files.push({ path: entry.path, absolute: entry.absolute, identity: entry.identity })
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
