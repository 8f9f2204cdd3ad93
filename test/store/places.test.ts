import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { openStore } from '../../src/store/open-store.ts'
import { describePlaces } from '../contracts/blocks-index.ts'
import { smallDisk } from '../files/small-disk.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { tempStore } from './temp-store.ts'

const identity = { sizeBytes: 10, mtimeNs: 1n, ctimeNs: 2n, inode: 3n }

describe('Places', () => {
  describePlaces(async () => (await tempStore()).places)

  it('indexes 100,000 blocks at 200,000 a second or more and finds each after opening again', async () => {
    const dir = await tempFolder()
    const count = 100_000
    const store = await tempStore(dir)
    const digests = randomBytes(count * 32)
    const startMs = performance.now()
    const fileId = await store.places.addFile({ path: '/m/a', identity })
    for (let at = 0; at < count; at += 5000) {
      const some = digests.subarray(at * 32, (at + 5000) * 32)
      await store.places.addBlocks(fileId, some, new Uint32Array(5000).fill(65536))
    }
    await store.places.completeFile(fileId)
    // Measured 10 times as fast; the bound only catches a batch per block.
    expect(performance.now() - startMs).toBeLessThan(5000)
    await store.close()
    const again = await tempStore(dir)
    for (let i = 0; i < count; i += 997) {
      expect(again.places.find(digests.subarray(i * 32, i * 32 + 32))).toMatchObject([{ offset: i * 65536, path: '/m/a' }])
    }
  })

  it('is empty until a file has blocks, and when it has been forgotten', async () => {
    const { places } = await tempStore()
    expect(places.isEmpty).toBe(true)
    await places.replaceFile({ path: '/m/a', identity }, randomBytes(32), [5])
    expect(places.isEmpty).toBe(false)
    await places.dropPath('/m/a')
    expect(places.isEmpty).toBe(true)
  })

  it('gives two processes\' files different ids', async () => {
    const dir = await tempFolder()
    const [a, b] = [await tempStore(dir), await tempStore(dir)]
    const ids = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      return await (i % 2 === 0 ? a : b).places.addFile({ path: `/m/${i}`, identity })
    }))
    expect(new Set(ids).size).toBe(20)
  })

  it('fails with a full disk, completes nothing, and goes on when there is room', async ({ skip }) => {
    const disk = await smallDisk(6)
    if (disk === undefined) return skip('may not mount a small disk')
    const store = await openStore(disk)
    // Some 10 MiB of pages, however full they become: well beyond the disk.
    const count = 100_000
    const indexing = store.places.replaceFile({ path: '/m/a', identity }, randomBytes(count * 32), new Uint32Array(count))
    await expect(indexing).rejects.toMatchObject({ code: 'ERR_NO_SPACE' })
    expect(store.places.indexedFile('/m/a', identity)).toBeUndefined()
    await store.places.replaceFile({ path: '/m/b', identity }, randomBytes(32), [1])
    expect(store.places.indexedFile('/m/b', identity)).toBeDefined()
    await store.close()
  })
})
