// Looks at a state folder as somebody who comes after a crash: everything that it believes is compared with the disk.
import { createHash } from 'node:crypto'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { identityOf, sameIdentity } from '../../src/files/file-identity.ts'
import { openCollection } from '../../src/index.ts'
import { sameBytes } from '../../src/model/block-id.ts'
import { PART_SUFFIX } from '../../src/model/safe-name.ts'
import { hash } from '../../src/node/ports.ts'
import { knownManifest } from '../../src/serve.ts'
import { openStore } from '../../src/store/open-store.ts'
import { answer } from './answer.ts'
import type { Store } from '../../src/store/open-store.ts'

const CHUNK_BYTES = 4 * 1024 * 1024

answer({
  /**
   * `roots` and `dirs` by newlines: the roots that may be recorded here, the folders that files lie in.
   * `wrong` and `checked` are blocks: recorded as held, or of an indexed file.
   */
  look: async asked => {
    const state = asked.text('state')
    const store = await openStore(state)
    const found = { checked: 0, wrong: 0 }
    for (const root of lines(asked.text('roots'))) await lookAtHeld(store, root, found)
    for (const dir of lines(asked.text('dirs'))) await lookAtPlaces(store, dir, found)
    await store.close()
    const collection = await openCollection({ dir: state })
    let bad = 0
    const listed = await collection.list()
    // What a pull that was killed holds so far was looked at above.
    const ended = listed.filter(({ isUnfinished }) => isUnfinished !== true)
    for (const { root } of ended) bad += (await collection.verify(root)).bad.length
    await collection.close()
    return { ...found, listed: listed.length, bad }
  },
  /** One digest for all files below a folder, by their names and bytes. */
  print: async asked => {
    const dir = asked.text('dir')
    const all = createHash('sha256')
    for (const path of await filesBelow(dir)) {
      all.update(`${path}\n`)
      const file = await open(join(dir, path))
      for await (const chunk of file.createReadStream({ highWaterMark: CHUNK_BYTES })) all.update(chunk)
    }
    return { print: all.digest('hex') }
  }
})

type Found = { checked: number, wrong: number }

async function lookAtHeld (store: Store, root: string, found: Found): Promise<void> {
  const targets = store.held.targets(root)
  if (targets.length === 0) return
  const manifest = await knownManifest(CID.parse(root), { store, hash })
  if (manifest === undefined) throw new Error(`${root} is recorded as held, but its tree is not here`)
  for (const target of targets) {
    const record = store.held.load(root, target, manifest.blockCount)
    if (record === undefined) throw new Error(`What is recorded of ${root} is of another number of blocks`)
    for (const block of record.trusted.indexes()) {
      if (!record.held.has(block)) throw new Error(`Block ${block} of ${root} is trusted and not held`)
    }
    for (const block of record.held.indexes()) {
      for (const { file, offset, sizeBytes } of manifest.places(block)) {
        found.checked++
        const bytes = await readEither(join(target, file.path), offset, sizeBytes)
        if (!sameBytes(digestOf(bytes), manifest.digest(block))) found.wrong++
      }
    }
  }
}

/** Blocks of files that the index believes, as they lie there. */
async function lookAtPlaces (store: Store, dir: string, found: Found): Promise<void> {
  for (const path of await filesBelow(dir)) {
    const absolute = join(dir, path)
    const identity = await identityOf(absolute)
    for (const file of store.places.filesAt(absolute)) {
      if (!file.complete || !sameIdentity(file.identity, identity)) continue
      for (const { digest, offset, sizeBytes } of store.places.blocksOf(file.fileId)) {
        found.checked++
        if (!sameBytes(digestOf(await readAt(absolute, offset, sizeBytes)), digest)) found.wrong++
      }
    }
  }
}

async function readEither (path: string, offset: number, length: number): Promise<Uint8Array> {
  try {
    return await readAt(path, offset, length)
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return await readAt(path + PART_SUFFIX, offset, length)
    throw err
  }
}

/** Fewer bytes where the file ends before. */
async function readAt (path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

async function filesBelow (dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch((err: unknown) => {
    // Nothing was written there yet.
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return []
    throw err
  })
  const files = entries.filter(entry => entry.isFile())
  const paths = files.map(entry => join(entry.parentPath, entry.name).slice(dir.length + 1))
  return paths.filter(path => !path.startsWith('.modelswarm')).sort()
}

function digestOf (bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}

function lines (text: string): string[] {
  return text === '' ? [] : text.split('\n')
}
