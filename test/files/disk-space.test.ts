import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkSpace, freeSpace, peopleBytes } from '../../src/files/disk-space.ts'
import { tempFolder } from './temp-folder.ts'

describe('checkSpace', () => {
  it('asks the nearest folder that exists', async () => {
    const dir = await tempFolder()
    expect(await freeSpace(join(dir, 'a/b/c'))).toBeGreaterThan(0)
    await checkSpace(join(dir, 'a/b/c'), 1)
  })

  it('says in people\'s units what is missing', async () => {
    const dir = await tempFolder()
    await expect(checkSpace(dir, 2 ** 52)).rejects.toMatchObject({
      code: 'ERR_NO_SPACE',
      blame: 'self',
      message: expect.stringMatching(/^Cannot write 4\.0 PiB to .*: only [\d.]+ [KMGT]iB are free; free .* disk$/)
    })
  })

  it('says what is kept in reserve', async () => {
    await expect(checkSpace(await tempFolder(), 2 ** 52, 64 * 1024 * 1024)).rejects.toMatchObject({
      message: expect.stringMatching(/ and keep 64\.0 MiB in reserve: only /)
    })
  })

  it('writes bytes as people do', () => {
    expect([0, 512, 1024, 1536, 150 * 1024, 140e9].map(peopleBytes)).toEqual(
      ['0 bytes', '512 bytes', '1.0 KiB', '1.5 KiB', '150 KiB', '130 GiB'])
  })
})
