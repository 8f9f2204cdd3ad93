import { execFileSync } from 'node:child_process'
import { appendFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { identityOf } from '../../src/files/file-identity.ts'
import { ReadBuffers } from '../../src/files/read-buffers.ts'
import { readSpans } from '../../src/files/read-spans.ts'
import { tempFolder } from './temp-folder.ts'
import type { ReadSpansOptions } from '../../src/files/read-spans.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

interface Fixture { path: string, options: ReadSpansOptions, buffers: ReadBuffers }

async function fixture (content: string, lengths: number[]): Promise<Fixture> {
  const path = join(await tempFolder(), 'f')
  await writeFile(path, content)
  const buffers = new ReadBuffers(4, 4)
  return { path, buffers, options: { lengths, buffers, expected: await identityOf(path) } }
}

describe('readSpans', () => {
  it('gives the file in order, in spans of the lengths asked for, in lent buffers', async () => {
    const { path, options, buffers } = await fixture('abcdefgh', [3, 1, 4])
    const seen: string[] = []
    for await (const span of readSpans(path, options)) {
      seen.push(text(span))
      if (span.buffer instanceof SharedArrayBuffer) buffers.giveBack(span.buffer)
    }
    expect(seen).toEqual(['abc', 'd', 'efgh'])
  })

  it('does not wait for the writer of a named pipe in the place of the file', async () => {
    const { path, options } = await fixture('abcd', [4])
    await rm(path)
    execFileSync('mkfifo', [path])
    await expect(readSpans(path, options).next()).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
  })

  it('waits for a buffer when all are lent, and goes on when one comes back', async () => {
    const { path, options } = await fixture('abcd', [1, 1, 1, 1])
    const buffers = new ReadBuffers(2, 1)
    const reading = readSpans(path, { ...options, buffers })
    const first = await reading.next()
    const second = await reading.next()
    const third = reading.next()
    for (const { value } of [first, second]) {
      if (value?.buffer instanceof SharedArrayBuffer) buffers.giveBack(value.buffer)
    }
    const { value } = await third
    expect(text(value ?? new Uint8Array(0))).toBe('c')
    await reading.return()
  })

  it('fails when the file changes while it is read, or is not the one expected', async () => {
    const { path, options } = await fixture('abcdefgh', [3, 3, 2])
    const reading = async (): Promise<void> => {
      for await (const span of readSpans(path, options)) if (text(span) === 'def') await appendFile(path, 'x')
    }
    await expect(reading()).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    await expect(readSpans(path, options).next()).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
  })

  it('stops with the signal and closes the file when left early', async () => {
    const { path, options } = await fixture('abcdefgh', [3, 3, 2])
    const before = (await readdir('/proc/self/fd')).length
    for await (const span of readSpans(path, options)) if (span.byteLength > 0) break
    const controller = new AbortController()
    const reading = async (): Promise<void> => {
      for await (const span of readSpans(path, { ...options, signal: controller.signal })) {
        if (span.byteLength > 0) controller.abort(new Error('enough'))
      }
    }
    await expect(reading()).rejects.toThrow('enough')
    expect((await readdir('/proc/self/fd')).length).toBeLessThanOrEqual(before)
  })
})
