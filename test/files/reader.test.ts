import { appendFile, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { identityOf } from '../../src/files/file-identity.ts'
import { FileReaders, readFileChunks } from '../../src/files/reader.ts'
import { all, tempFolder } from './temp-folder.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

describe('FileReaders', () => {
  it('reads ranges in fresh buffers, with few handles open, and none after close', async () => {
    const dir = await tempFolder()
    const readers = new FileReaders({ maxOpen: 3 })
    const before = (await readdir('/proc/self/fd')).length
    for (let i = 0; i < 10; i++) {
      const path = join(dir, String(i))
      await writeFile(path, `content ${i}`)
      expect(text(await readers.read(path, 3, 6, await identityOf(path)))).toBe(`tent ${i}`)
      expect(readers.openCount).toBeLessThanOrEqual(3)
    }
    await readers.close()
    await readers.close()
    expect((await readdir('/proc/self/fd')).length).toBeLessThanOrEqual(before)
    await expect(readers.read(join(dir, '1'), 0, 1, await identityOf(join(dir, '1')))).rejects.toMatchObject({ code: 'ERR_STOPPED' })
  })

  it('notices a changed file when it opens it, and within a second afterwards', async () => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, 'abcdef')
    const identity = await identityOf(path)
    let nowMs = 0
    const readers = new FileReaders({ now: () => nowMs })
    await readers.read(path, 0, 6, identity)
    await writeFile(path, 'ABCDEF')
    nowMs = 1000
    await expect(readers.read(path, 0, 6, identity)).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    expect(text(await readers.read(path, 0, 6, await identityOf(path)))).toBe('ABCDEF')
    await truncate(path, 3)
    await expect(readers.read(path, 0, 6, await identityOf(path))).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    await rm(path)
    await expect(readers.read(path, 0, 1, identity)).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    await readers.close()
  })

  it('reads the new file when the one it had open was replaced', async () => {
    const dir = await tempFolder()
    const path = join(dir, 'f')
    await writeFile(path, 'old')
    const readers = new FileReaders()
    await readers.read(path, 0, 3, await identityOf(path))
    await writeFile(join(dir, 'g'), 'new')
    await rename(join(dir, 'g'), path)
    expect(text(await readers.read(path, 0, 3, await identityOf(path)))).toBe('new')
    await readers.close()
  })
})

describe('readFileChunks', () => {
  it('gives the file in order in buffers of its own', async () => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, 'abcdefgh')
    const chunks = await all(readFileChunks(path, { chunkBytes: 3 }))
    expect(chunks.map(text)).toEqual(['abc', 'def', 'gh'])
    expect(new Set(chunks.map(chunk => chunk.buffer)).size).toBe(3)
    await writeFile(path, '')
    expect(await all(readFileChunks(path, { chunkBytes: 3 }))).toEqual([])
  })

  it('fails when the file changes while it is read, or is not the one expected', async () => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, 'abcdefgh')
    const expected = await identityOf(path)
    const reading = async (): Promise<void> => {
      for await (const chunk of readFileChunks(path, { chunkBytes: 3 })) if (text(chunk) === 'def') await appendFile(path, 'x')
    }
    await expect(reading()).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    await expect(all(readFileChunks(path, { chunkBytes: 3, expected }))).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
  })

  it('stops with the signal and closes the file when left early', async () => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, 'abcdefgh')
    const before = (await readdir('/proc/self/fd')).length
    for await (const chunk of readFileChunks(path, { chunkBytes: 3 })) if (chunk.byteLength > 0) break
    const controller = new AbortController()
    const reading = async (): Promise<void> => {
      for await (const chunk of readFileChunks(path, { chunkBytes: 3, signal: controller.signal })) {
        if (chunk.byteLength > 0) controller.abort(new Error('enough'))
      }
    }
    await expect(reading()).rejects.toThrow('enough')
    expect((await readdir('/proc/self/fd')).length).toBeLessThanOrEqual(before)
  })
})
