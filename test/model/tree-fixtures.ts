import { createHash } from 'node:crypto'
import { importer } from 'ipfs-unixfs-importer'
import { chunkerOf } from './chunker.ts'
import { cutLengths, planCuts } from '../../src/cut/plan.ts'
import { readTensorTable } from '../../src/formats/tensor-table.ts'
import { cidOfDigest, DAG_PB_CODEC } from '../../src/model/block-id.ts'
import { unwrapLeaf } from '../../src/model/leaf.ts'
import { comparePaths } from '../../src/model/name-order.ts'
import { TreeBuilder } from '../../src/model/tree.ts'
import type { Chunker } from './chunker.ts'
import type { Manifest } from '../../src/model/manifest.ts'
import type { Leaf } from '../../src/model/tree.ts'
import type { ImporterOptions } from 'ipfs-unixfs-importer'
import type { CID } from 'multiformats/cid'

export async function hash (bytes: Uint8Array): Promise<Uint8Array> {
  return sha256(bytes)
}

export function sha256 (bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(bytes).digest())
}

/** The same bytes for the same seed, on every machine (xorshift32). */
export function noise (seed: number, length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  let x = (seed * 2654435761 + 1) >>> 0
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13
    x >>>= 0
    x ^= x >>> 17
    x ^= x << 5
    x >>>= 0
    words[i] = x
  }
  const bytes = new Uint8Array(words.length * 4)
  const view = new DataView(bytes.buffer)
  for (const [i, word] of words.entries()) view.setUint32(i * 4, word, true)
  return bytes.subarray(0, length)
}

/** A blockstore over a Map, for importer and exporter; also answers getNodes. */
export class MapStore {
  readonly blocks = new Map<string, Uint8Array>()
  batches = 0

  put (cid: CID, bytes: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>): CID {
    if (!(bytes instanceof Uint8Array)) throw new TypeError('Only whole blocks')
    this.blocks.set(keyOf(cid), bytes)
    return cid
  }

  async * get (cid: CID): AsyncGenerator<Uint8Array> {
    yield this.bytes(cid)
  }

  bytes (cid: CID): Uint8Array {
    const bytes = this.blocks.get(keyOf(cid))
    if (bytes === undefined) throw new Error(`No block ${cid}`)
    return bytes
  }

  readonly getNodes = async (cids: CID[]): Promise<Uint8Array[]> => {
    this.batches++
    return cids.map(cid => this.bytes(cid))
  }
}

function keyOf (cid: CID): string {
  return Buffer.from(cid.multihash.digest).toString('hex')
}

/** File content by path; a folder that holds nothing is `null`. */
export type Folder = Record<string, Uint8Array | null>

export async function lengthsOf (path: string, bytes: Uint8Array): Promise<number[]> {
  const read = async (offset: number, length: number): Promise<Uint8Array> => bytes.slice(offset, offset + length)
  const table = await readTensorTable(path, read, bytes.byteLength)
  return [...cutLengths(planCuts(bytes.byteLength, table))]
}

/** Our own tree of a folder in memory, its blocks and nodes in the store. */
export async function buildTree (folder: Folder): Promise<{ manifest: Manifest, store: MapStore }> {
  const store = new MapStore()
  store.put(cidOfDigest(sha256(new Uint8Array(0))), new Uint8Array(0))
  const builder = new TreeBuilder({ hash, onNode: (cid, bytes) => { store.put(cid, bytes) } })
  for (const [path, content] of Object.entries(folder).sort(([a], [b]) => comparePaths(a, b))) {
    if (content === null) await builder.addEmptyFolder(path)
    else await builder.addFile(path, leavesOf(path, content, store))
  }
  return { manifest: await builder.finish(), store }
}

async function * leavesOf (path: string, bytes: Uint8Array, store: MapStore): AsyncGenerator<Leaf> {
  const blocks = chunkerOf(await lengthsOf(path, bytes))
  for await (const block of blocks([bytes])) {
    const digest = sha256(block)
    store.put(cidOfDigest(digest), block)
    yield { digest, sizeBytes: block.byteLength }
  }
}

/** What ipfs-unixfs-importer makes of the same folder. */
export async function importTree (
  folder: Folder, options: ImporterOptions = {}, ours = false
): Promise<{ root: CID, store: MapStore }> {
  const store = new MapStore()
  const chunkers = new Map<unknown, Chunker>()
  const candidates = []
  for (const [path, bytes] of Object.entries(folder)) {
    if (bytes === null) {
      candidates.push({ path })
      continue
    }
    const content = (async function * () { yield bytes })()
    chunkers.set(content, chunkerOf(await lengthsOf(path, bytes)))
    candidates.push({ path, content })
  }
  const oursOptions: ImporterOptions = {
    profile: 'unixfs-v1-2025',
    chunkValidator: source => source as AsyncIterable<Uint8Array>,
    chunker: async function * (source) {
      let count = 0
      for await (const block of chunkers.get(source)?.(source) ?? []) {
        count++
        yield block
      }
      // the importer's own chunkers give an empty file one empty chunk
      if (count === 0) yield new Uint8Array(0)
    }
  }
  const all: ImporterOptions = { wrapWithDirectory: true, ...(ours ? oursOptions : {}), ...options }
  let root: CID | undefined
  for await (const entry of importer(candidates, store, all)) root = entry.cid
  if (root === undefined) throw new Error('Nothing imported')
  return { root, store }
}

/** Digests in place of bytes, which are quick to compare. */
export function prints (folder: Folder): Record<string, string | null> {
  return Object.fromEntries(Object.entries(folder).map(([path, bytes]) =>
    [path, bytes === null ? null : Buffer.from(sha256(bytes)).toString('hex')]))
}

/** The files' bytes as the manifest and the blocks give them. */
export function readFiles (manifest: Manifest, store: MapStore): Folder {
  const folder: Folder = {}
  for (const path of manifest.emptyFolders) folder[path] = null
  for (const file of manifest.files) {
    const bytes = new Uint8Array(file.sizeBytes)
    for (let slot = file.firstSlot; slot < file.firstSlot + file.slotCount; slot++) {
      const block = manifest.blockOfSlot(slot)
      const stored = store.bytes(manifest.cid(block))
      const raw = manifest.cid(block).code === DAG_PB_CODEC ? unwrapLeaf(stored).bytes : stored
      if (raw.byteLength !== manifest.sizeBytes(block)) throw new Error('Block of another size')
      bytes.set(raw, manifest.offsetOfSlot(slot))
    }
    folder[file.path] = bytes
  }
  return folder
}
