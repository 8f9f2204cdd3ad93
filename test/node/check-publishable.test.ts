import { createServer } from 'node:net'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { checkPublishable } from '../../src/index.ts'
import { tempFolder } from '../files/temp-folder.ts'

it('throws what publishing would throw before it reads, and changes nothing', async () => {
  const dir = await tempFolder()
  await mkdir(join(dir, 'good'))
  await writeFile(join(dir, 'good', 'w.bin'), 'x')
  await checkPublishable(join(dir, 'good'))
  await expect(checkPublishable(join(dir, 'none'))).rejects.toMatchObject({
    code: 'ERR_PATH_NOT_FOUND', message: `Cannot publish ${join(dir, 'none')}: it does not exist; check the path`
  })
  await mkdir(join(dir, 'empty'))
  await expect(checkPublishable(join(dir, 'empty'))).rejects.toMatchObject({ code: 'ERR_PATH_EMPTY' })
  const server = createServer().listen(join(dir, 'good', 'socket'))
  try {
    await once(server, 'listening')
    await expect(checkPublishable(join(dir, 'good'))).rejects.toMatchObject({ code: 'ERR_PATH_KIND' })
    await expect(checkPublishable(join(dir, 'good', 'socket'))).rejects.toMatchObject({ code: 'ERR_PATH_KIND' })
  } finally {
    server.close()
  }
})

it('ends at once when its signal is aborted', async () => {
  const reason = new Error('enough')
  await expect(checkPublishable(await tempFolder(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})
