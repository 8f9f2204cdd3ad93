import { pipe } from 'it-pipe'
import { cutLengths, planCuts } from '../cut/plan.ts'
import { spansOf } from '../cut/spans.ts'
import { READ_BYTES } from '../defaults.ts'
import { identityOf } from '../files/file-identity.ts'
import { hashSpans } from '../files/hash-spans.ts'
import { readTensorTable } from '../formats/tensor-table.ts'
import { INDEX_BATCH_BLOCKS, SMALL_FILE_BYTES, SMALL_FILES_AT_ONCE, SPANS_AHEAD } from '../machine-defaults.ts'
import { DIGEST_BYTES } from '../model/block-id.ts'
import type { FileIdentity } from '../files/file-identity.ts'
import type { SpanHasher } from '../files/hash-spans.ts'
import type { FileReaders } from '../files/reader.ts'
import type { WalkedEntry } from '../files/walk.ts'
import type { Leaf } from '../model/tree.ts'
import type { Store } from '../store/open-store.ts'

export interface IndexParts {
  store: Store
  readers: FileReaders
  hasher: SpanHasher
  signal?: AbortSignal | undefined
}

type WalkedFile = Extract<WalkedEntry, { kind: 'file' }>
type EmptyFolder = Exclude<WalkedEntry, WalkedFile>

/** A file and its blocks in order, which are put into the index as they are taken. */
interface IndexedFile extends WalkedFile {
  readonly identity: FileIdentity
  readonly leaves: AsyncIterable<Leaf> | Iterable<Leaf>
}

/**
 * Reads, cuts, hashes and indexes files, in their order. Small ones that follow each other are read together: the
 * commits that each takes, and the disk's syncs, are then shared.
 *
 * @throws ModelswarmError ERR_FILE_CHANGED, ERR_PATH_PERMISSION, ERR_NO_SPACE, ERR_DISK; the signal's reason
 */
export async function * indexFiles (
  entries: readonly WalkedEntry[], parts: IndexParts
): AsyncGenerator<IndexedFile | EmptyFolder> {
  for (const group of groupsOf(entries)) {
    const [first] = group
    if (first !== undefined && !isSmall(first)) {
      yield await indexOne(first, parts)
      continue
    }
    // All of them end before anything is thrown: nothing is written after a publish that failed.
    const outcomes = await Promise.allSettled(group.map(async entry => {
      const indexed = await indexOne(entry, parts)
      if (indexed.kind === 'emptyFolder') return indexed
      const leaves: Leaf[] = []
      for await (const leaf of indexed.leaves) leaves.push(leaf)
      return { ...indexed, leaves }
    }))
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') throw outcome.reason
      yield outcome.value
    }
  }
}

function isSmall (entry: WalkedEntry): boolean {
  return entry.kind === 'emptyFolder' || entry.sizeBytes <= SMALL_FILE_BYTES
}

/** Small ones that follow each other, so many at most; a large one alone. */
function * groupsOf (entries: readonly WalkedEntry[]): Generator<WalkedEntry[]> {
  let small: WalkedEntry[] = []
  for (const entry of entries) {
    if (small.length === SMALL_FILES_AT_ONCE || (small.length > 0 && !isSmall(entry))) {
      yield small
      small = []
    }
    if (isSmall(entry)) small.push(entry)
    else yield [entry]
  }
  if (small.length > 0) yield small
}

async function indexOne (entry: WalkedEntry, parts: IndexParts): Promise<IndexedFile | EmptyFolder> {
  if (entry.kind === 'emptyFolder') return entry
  const identity = await identityOf(entry.absolute)
  return { ...entry, identity, leaves: await leavesOf(entry, identity, parts) }
}

/** The blocks of a file, from the index where it is unchanged, else read, cut and hashed, and put into the index. */
async function leavesOf (
  { path, absolute }: WalkedFile, identity: FileIdentity, parts: IndexParts
): Promise<AsyncIterable<Leaf> | Iterable<Leaf>> {
  const { store, readers, hasher, signal } = parts
  const known = store.places.indexedFile(absolute, identity)
  if (known !== undefined) return store.places.blocksOf(known.fileId)
  const fileBytes = identity.sizeBytes
  const table = await readTensorTable(path, async (offset, length) => {
    return await readers.read(absolute, offset, Math.min(length, fileBytes - offset), identity)
  }, fileBytes)
  const plan = planCuts(fileBytes, table)
  const fileId = await store.places.addFile({ path: absolute, identity })
  return pipe(
    spansOf(cutLengths(plan), READ_BYTES),
    spans => hashSpans(absolute, spans, { hasher, ahead: SPANS_AHEAD, expected: identity, signal }),
    leaves => indexBlocks(leaves, store, fileId)
  )
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
