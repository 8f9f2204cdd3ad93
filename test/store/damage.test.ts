import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { takeIdentity } from '../../src/store/identity.ts'
import { openStore } from '../../src/store/open-store.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { noise } from '../model/tree-fixtures.ts'

const PAGE_BYTES = 4096
const BLOCKS = 20_000
const FILE = { path: '/w.bin', identity: { sizeBytes: BLOCKS, mtimeNs: 1n, ctimeNs: 1n, inode: 1n } }

/** Looks for every block of the file. */
async function lookUp (dir: string): Promise<number> {
  const store = await openStore(dir)
  try {
    let found = 0
    for (const { fileId } of store.places.filesAt(FILE.path)) {
      for (const { digest } of store.places.blocksOf(fileId)) found += store.places.find(digest).length
    }
    return found
  } finally {
    await store.close()
  }
}

describe('a database with pages of nothing inside', () => {
  it('is reported as damaged, wherever that is noticed', async () => {
    const dir = await tempFolder()
    const store = await openStore(dir)
    await store.places.replaceFile(FILE, noise(1, BLOCKS * 32), new Uint8Array(BLOCKS).fill(1))
    await store.close()
    expect(await lookUp(dir)).toBe(BLOCKS)
    const file = await open(join(dir, 'db/data.mdb'), 'r+')
    const pages = (await file.stat()).size / PAGE_BYTES
    // a stretch in the middle, as a lost sector run leaves it
    for (let page = Math.floor(pages / 3); page < pages * 2 / 3; page++) {
      await file.write(new Uint8Array(PAGE_BYTES), 0, PAGE_BYTES, page * PAGE_BYTES)
    }
    await file.close()
    const refused = expect(lookUp(dir)).rejects
    await refused.toMatchObject({ code: 'ERR_STATE_DAMAGED', blame: 'self' })
    await refused.toThrow('move its folder "db" away')
  })
  it('is made anew where it was moved away, with the same key', async () => {
    const dir = await tempFolder()
    const parts = { generateKey: async () => noise(2, 32), peerIdOf: (key: Uint8Array) => Buffer.from(key).toString('hex') }
    await (await openStore(dir)).close()
    const first = await takeIdentity(dir, parts)
    await first.release()
    await rename(join(dir, 'db'), join(dir, 'db-damaged'))
    expect(await lookUp(dir)).toBe(0)
    const second = await takeIdentity(dir, { ...parts, generateKey: async () => noise(3, 32) })
    await second.release()
    expect(second.peerId).toBe(first.peerId)
  })
})
