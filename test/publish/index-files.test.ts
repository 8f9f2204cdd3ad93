import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FileReaders } from '../../src/files/reader.ts'
import { walk } from '../../src/files/walk.ts'
import { SMALL_FILE_BYTES, SMALL_FILES_AT_ONCE } from '../../src/machine-defaults.ts'
import { indexFiles } from '../../src/publish/index-files.ts'
import { hasherHere } from '../files/hash-here.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { tempStore } from '../store/temp-store.ts'
import type { WalkedEntry } from '../../src/files/walk.ts'
import type { Store } from '../../src/store/open-store.ts'

async function entriesOf (dir: string): Promise<WalkedEntry[]> {
  const entries = []
  for await (const entry of walk(dir)) entries.push(entry)
  return entries
}

function index (entries: readonly WalkedEntry[], store: Store) {
  return indexFiles(entries, { store, readers: new FileReaders(), hasher: hasherHere })
}

describe('indexFiles', () => {
  it('gives small files, large ones and empty folders in their order, and puts all blocks into the index', async () => {
    const dir = await tempFolder()
    const store = await tempStore()
    const files = new Map<string, Buffer>()
    for (let i = 0; i < 2 * SMALL_FILES_AT_ONCE + 5; i++) {
      const isLarge = i % 50 === 7
      files.set(`f${String(i).padStart(3, '0')}`, Buffer.alloc(isLarge ? SMALL_FILE_BYTES + 1 : i, i))
    }
    for (const [name, bytes] of files) await writeFile(join(dir, name), bytes)
    await mkdir(join(dir, 'f010-empty'))
    const entries = await entriesOf(dir)
    const seen: string[] = []
    for await (const entry of index(entries, store)) {
      seen.push(entry.path)
      if (entry.kind === 'emptyFolder') continue
      const sizes: number[] = []
      for await (const { digest, sizeBytes } of entry.leaves) {
        sizes.push(sizeBytes)
        expect(digest.byteLength).toBe(32)
      }
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(files.get(entry.path)?.byteLength)
      expect(store.places.indexedFile(entry.absolute, entry.identity)?.blockCount).toBe(sizes.length)
    }
    expect(seen).toEqual(entries.map(({ path }) => path))
  })

  it('ends what it has begun of small files before it says that one of them cannot be read', async () => {
    const dir = await tempFolder()
    const store = await tempStore()
    for (let i = 0; i < 20; i++) await writeFile(join(dir, `f${10 + i}`), String(i))
    const entries = await entriesOf(dir)
    await rm(join(dir, 'f13'))
    const first = index(entries, store)[Symbol.asyncIterator]()
    const taken: string[] = []
    const take = async (): Promise<void> => {
      for (let next = await first.next(); next.done !== true; next = await first.next()) taken.push(next.value.path)
    }
    await expect(take()).rejects.toMatchObject({ code: 'ERR_PATH_NOT_FOUND' })
    expect(taken).toEqual(['f10', 'f11', 'f12'])
    const ended = entries.filter(entry => entry.kind === 'file' && store.places.filesAt(entry.absolute).some(file => file.complete))
    expect(ended).toHaveLength(19)
  })
})
