import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WriteWorker } from '../../src/node/write-worker.ts'
import { digestOf } from '../files/small-model.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { noise } from '../model/tree-fixtures.ts'
import type { Worker } from 'node:worker_threads'
import type { OpenFile } from '../../src/files/hash-spans.ts'

const BLOCK = 64 * 1024

async function opened (path: string, flags = 'r+'): Promise<OpenFile> {
  const handle = await open(path, flags)
  onTestFinished(async () => { await handle.close() })
  return { handle, path }
}

async function partFile (): Promise<OpenFile> {
  const path = join(await tempFolder(), 'w.bin')
  await writeFile(path, '')
  const file = await opened(path)
  await file.handle.truncate(4 * BLOCK)
  return file
}

/** One that has started, and its thread. */
async function started (): Promise<{ writer: WriteWorker, thread: Worker }> {
  const threads: Worker[] = []
  const onWorker = (worker: Worker): void => { threads.push(worker) }
  process.on('worker', onWorker)
  const writer = new WriteWorker()
  onTestFinished(async () => { await writer.end() })
  expect(writer.isReady).toBe(false)
  await new Promise<void>(resolve => { setImmediate(resolve) })
  process.off('worker', onWorker)
  const [thread] = threads
  if (thread === undefined) throw new Error('No thread was started')
  await new Promise(resolve => { thread.once('message', resolve) })
  return { writer, thread }
}

/** In a buffer of its own, as they come from the wire. */
const block = (seed: number): Uint8Array => noise(seed, BLOCK).slice()

/** Compared by hand: what a test would print of so many bytes takes it a second. */
const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0

describe('WriteWorker', () => {
  it('writes bytes that are the digest\'s, and gives them back', async () => {
    const file = await partFile()
    const { writer } = await started()
    const bytes = block(1)
    const back = await writer.write(file, { offset: BLOCK, bytes, mayLeaveHole: true }, digestOf(block(1)))
    expect(bytes.byteLength).toBe(0)
    expect(isSame(back, block(1))).toBe(true)
    const written = await readFile(file.path)
    expect(written.equals(Buffer.concat([new Uint8Array(BLOCK), block(1), new Uint8Array(2 * BLOCK)]))).toBe(true)
  })

  it('writes nothing of other bytes, and goes on', async () => {
    const file = await partFile()
    const { writer } = await started()
    const wrong = writer.write(file, { offset: 0, bytes: block(2), mayLeaveHole: true }, digestOf(block(1)))
    const right = writer.write(file, { offset: 0, bytes: block(1), mayLeaveHole: true }, digestOf(block(1)))
    expect(await wrong).toBeUndefined()
    expect(isSame(await right, block(1))).toBe(true)
    expect(isSame((await readFile(file.path)).subarray(0, BLOCK), block(1))).toBe(true)
  })

  it('refuses zeros that are not the block, and leaves those that are a hole only where nothing was written', async () => {
    const file = await partFile()
    const { writer } = await started()
    const zeros = (): Uint8Array => new Uint8Array(BLOCK)
    const wrong = await writer.write(file, { offset: 0, bytes: zeros(), mayLeaveHole: true }, digestOf(block(1)))
    expect(wrong).toBeUndefined()
    const back = await writer.write(file, { offset: 0, bytes: zeros(), mayLeaveHole: true }, digestOf(zeros()))
    expect(isSame(back, zeros())).toBe(true)
    expect((await stat(file.path)).blocks).toBe(0)
    await writer.write(file, { offset: 0, bytes: block(1), mayLeaveHole: false }, digestOf(block(1)))
    await writer.write(file, { offset: 0, bytes: zeros(), mayLeaveHole: false }, digestOf(zeros()))
    expect((await readFile(file.path)).equals(new Uint8Array(4 * BLOCK))).toBe(true)
  })

  it('hands over no more of a digest than the digest', async () => {
    const file = await partFile()
    const { writer, thread } = await started()
    const sent: unknown[] = []
    const post = thread.postMessage.bind(thread)
    thread.postMessage = (...message: Parameters<Worker['postMessage']>) => {
      sent.push(message[0])
      post(...message)
    }
    const digests = new Uint8Array(1000 * 32)
    digests.set(digestOf(block(1)), 32)
    await writer.write(file, { offset: 0, bytes: block(1), mayLeaveHole: true }, digests.subarray(32, 64))
    expect(sent).toMatchObject([{ digest: { buffer: { byteLength: 32 } } }])
  })

  it.skipIf(!existsSync('/dev/full'))('says that the disk is full', async () => {
    const { writer } = await started()
    const full = await opened('/dev/full', 'w')
    const writing = writer.write(full, { offset: 0, bytes: block(1), mayLeaveHole: false }, digestOf(block(1)))
    await expect(writing).rejects.toMatchObject({ code: 'ERR_NO_SPACE', details: { path: '/dev/full' } })
  })

  it('says what the system says of a file that cannot be written', async () => {
    const { path } = await partFile()
    const { writer } = await started()
    const readOnly = await opened(path, 'r')
    const writing = writer.write(readOnly, { offset: 0, bytes: block(1), mayLeaveHole: false }, digestOf(block(1)))
    await expect(writing).rejects.toMatchObject({ code: 'ERR_DISK', message: expect.stringContaining('EBADF') })
  })

  it('is ready when it has started, until it has ended', async () => {
    const { writer } = await started()
    expect(writer.isReady).toBe(true)
    await writer.end()
    expect(writer.isReady).toBe(false)
  })

  it('says that its thread ended to who waits for it, and to who comes later', async () => {
    const file = await partFile()
    const { writer, thread } = await started()
    const ended = { code: 'ERR_DISK', message: expect.stringContaining('thread that verifies and writes blocks ended') }
    const size = 1024 * 1024
    const zeros = Array.from({ length: 100 }, () => new Uint8Array(size))
    const write = async (bytes: Uint8Array): Promise<unknown> =>
      await writer.write(file, { offset: 0, bytes, mayLeaveHole: false }, digestOf(new Uint8Array(size)))
    const outcomes = Promise.allSettled(zeros.map(write))
    await thread.terminate()
    const kinds = (await outcomes).map(one => one.status === 'rejected' ? one.reason as unknown : undefined)
    expect(kinds.at(-1)).toMatchObject(ended)
    await expect(write(block(1))).rejects.toMatchObject(ended)
  })

  const permission = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'

  it('is never ready where threads are forbidden', async () => {
    const program = `
      await import(${JSON.stringify(new URL('../../dist/src/polyfill.js', import.meta.url).href)})
      const { WriteWorker } = await import(${JSON.stringify(new URL('../../dist/src/node/write-worker.js', import.meta.url).href)})
      const writer = new WriteWorker()
      await new Promise(resolve => setTimeout(resolve, 0))
      console.log(writer.isReady)
      await writer.end()`
    const flags = ['--no-warnings', permission, '--allow-fs-read=*', '--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, flags)
    expect(stdout).toBe('false\n')
  })
})
