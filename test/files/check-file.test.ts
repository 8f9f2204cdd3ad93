import { appendFile, mkdir, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkFile } from '../../src/files/check-file.ts'
import { identityOf } from '../../src/files/file-identity.ts'
import { tempFolder } from './temp-folder.ts'
import type { CheckedFile } from '../../src/files/check-file.ts'

/** Block i is so many bytes of value i. */
const BLOCKS = [0, 1, 2].map(block => ({ block, offset: block * 10, sizeBytes: 10 }))
const BYTES = Buffer.concat(BLOCKS.map(({ block, sizeBytes }) => Buffer.alloc(sizeBytes, block)))

async function check (path: string): Promise<CheckedFile> {
  const isGood = async (block: number, bytes: Uint8Array): Promise<boolean> => bytes.every(byte => byte === block)
  return await checkFile(path, { blocks: BLOCKS, sizeBytes: BYTES.byteLength, isGood })
}

describe('checkFile', () => {
  it('finds a file good whatever its times are, and gives its identity', async () => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, BYTES)
    await utimes(path, new Date(0), new Date(0))
    expect(await check(path)).toEqual({ goodBytes: 30, badBlocks: 0, identity: await identityOf(path) })
  })

  it('counts only the blocks that are bad', async () => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, Buffer.from(BYTES.map((byte, i) => i === 15 ? 99 : byte)))
    expect(await check(path)).toEqual({ goodBytes: 20, badBlocks: 1, identity: undefined })
  })

  it('counts a missing tail, and takes bytes after the end for another file', async () => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, BYTES)
    await truncate(path, 25)
    expect(await check(path)).toEqual({ goodBytes: 20, badBlocks: 1, identity: undefined })
    await writeFile(path, BYTES)
    await appendFile(path, 'x')
    expect(await check(path)).toEqual({ goodBytes: 30, badBlocks: 0, identity: undefined })
  })

  it('finds nothing good where there is no file, or a folder', async () => {
    const path = join(await tempFolder(), 'f')
    expect(await check(path)).toEqual({ goodBytes: 0, badBlocks: 3, identity: undefined })
    await mkdir(path)
    expect(await check(path)).toEqual({ goodBytes: 0, badBlocks: 3, identity: undefined })
  })
})
