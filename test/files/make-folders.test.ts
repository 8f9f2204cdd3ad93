import { existsSync } from 'node:fs'
import { stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeFolders } from '../../src/files/make-folders.ts'
import { tempFolder } from './temp-folder.ts'

describe('makeFolders', () => {
  it('makes what is missing, with its mode, and is fine with what is there', async () => {
    const dir = join(await tempFolder(), 'a/b/c')
    await makeFolders(dir, { mode: 0o700 })
    await makeFolders(dir)
    expect((await stat(dir)).mode & 0o777).toBe(0o700)
    await makeFolders('/')
  })

  it('lets several make the same at once', async () => {
    const dir = join(await tempFolder(), 'a/b/c')
    await Promise.all(Array.from({ length: 8 }, async () => { await makeFolders(dir) }))
    expect((await stat(dir)).isDirectory()).toBe(true)
  })

  it.skipIf(!existsSync('/proc/self'))('ends with one line where a folder takes no new one', async () => {
    for (const dir of ['/proc/nope', '/proc/x/y']) {
      await expect(makeFolders(dir)).rejects.toMatchObject({
        code: 'ERR_PATH_KIND', message: expect.stringMatching(/^Cannot create folder \/proc\/[^\n]*: \/proc takes no folder; /)
      })
    }
  })

  it('refuses a file, something below a file and a link to nothing', async () => {
    const dir = await tempFolder()
    await writeFile(join(dir, 'file'), '')
    await symlink(join(dir, 'nothing'), join(dir, 'link'))
    for (const path of ['file', 'file/x', 'link']) {
      await expect(makeFolders(join(dir, path))).rejects.toMatchObject({ code: 'ERR_PATH_KIND' })
    }
  })
})
