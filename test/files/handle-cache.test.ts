import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { HandleCache } from '../../src/files/handle-cache.ts'
import { tempFolder } from './temp-folder.ts'

describe('HandleCache', () => {
  it('closes the handle unused for longest, never one in use, and all at close', async () => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, 'x')
    let opens = 0
    const opening = async (): ReturnType<typeof open> => {
      opens++
      return await open(path)
    }
    const cache = new HandleCache(2)
    let letGo = (): void => {}
    const using = cache.use('a', opening, async handle => {
      await new Promise<void>(resolve => { letGo = resolve })
      return (await handle.stat()).size
    })
    for (const key of ['b', 'c', 'd']) await cache.use(key, opening, async () => {})
    expect(cache.openCount).toBe(2)
    await cache.use('d', opening, async () => {})
    expect(opens).toBe(4)
    const closing = cache.close()
    letGo()
    expect(await using).toBe(1)
    await closing
    expect(cache.openCount).toBe(0)
    await expect(cache.use('a', opening, async () => {})).rejects.toMatchObject({ code: 'ERR_STOPPED' })
  })

  it('has who needs one more wait while all are in use', async () => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, 'x')
    const cache = new HandleCache(3)
    let most = 0
    let users3 = 0
    const use = async (key: string): Promise<void> => {
      await cache.use(key, async () => await open(path), async handle => {
        most = Math.max(most, ++users3)
        await handle.stat()
        users3--
      })
    }
    await Promise.all(Array.from({ length: 200 }, async (_, i) => { await use(String(i)) }))
    expect(most).toBe(3)
    expect(cache.openCount).toBe(3)
    // whoever waits when it is closed is told
    const held = Promise.withResolvers<undefined>()
    const users = ['a', 'b', 'c'].map(async key => { await cache.use(key, async () => await open(path), async () => { await held.promise }) })
    const late = cache.use('d', async () => await open(path), async () => {})
    const closing = cache.close()
    await expect(late).rejects.toMatchObject({ code: 'ERR_STOPPED' })
    held.resolve(undefined)
    await Promise.all([...users, closing])
  })

  it('closes without complaint when a file never opened while its handle was dropped', async () => {
    const path = join(await tempFolder(), 'gone')
    const cache = new HandleCache(2)
    const using = cache.use('a', async () => await open(path), async () => {})
    cache.drop('a')
    await expect(using).rejects.toMatchObject({ code: 'ENOENT' })
    await cache.close()
  })

  it('tries again after a failed open', async () => {
    const path = join(await tempFolder(), 'f')
    const cache = new HandleCache(2)
    const use = async (): Promise<number> => await cache.use('a', async () => await open(path), async handle => (await handle.stat()).size)
    await expect(use()).rejects.toMatchObject({ code: 'ENOENT' })
    await writeFile(path, 'x')
    expect(await use()).toBe(1)
    await cache.close()
  })
})
