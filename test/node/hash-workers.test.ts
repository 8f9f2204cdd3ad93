import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { open, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { spansOf } from '../../src/cut/spans.ts'
import { POOL_SPANS, WORKERS_FROM_SPANS } from '../../src/machine-defaults.ts'
import { HashWorkers } from '../../src/node/hash-workers.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { noise } from '../model/tree-fixtures.ts'
import type { Worker } from 'node:worker_threads'
import type { Span } from '../../src/cut/spans.ts'
import type { OpenFile } from '../../src/files/hash-spans.ts'

const BLOCK = 1000
/** So large that workers have started before the thread pool is through. */
const SPAN_BYTES = 1024 * 1024

async function fileOf (bytes: Uint8Array): Promise<OpenFile> {
  const path = join(await tempFolder(), 'f')
  await writeFile(path, bytes)
  const handle = await open(path)
  onTestFinished(async () => { await handle.close() })
  return { handle, path }
}

function hashWorkers (): HashWorkers {
  const workers = new HashWorkers()
  onTestFinished(async () => { await workers.close() })
  return workers
}

/** So many spans of two blocks, the last one shorter. */
const spans = (count: number): Span[] =>
  [...spansOf([...Array.from({ length: 2 * count - 1 }, () => BLOCK), BLOCK - 1], 2 * BLOCK)]

const digestsOf = (bytes: Uint8Array, { offset, lengths }: Span): string => lengths.map((length, i) => {
  const block = bytes.subarray(offset + i * BLOCK, offset + i * BLOCK + length)
  return createHash('sha256').update(block).digest('hex')
}).join('')

const hex = (digests: Uint8Array): string => Buffer.from(digests).toString('hex')

describe('HashWorkers', () => {
  it.each([
    ['the thread pool, few', POOL_SPANS],
    ['workers, and the thread pool until they are there, many', 20 * WORKERS_FROM_SPANS]
  ])('hashes blocks where they lie: %s', async (_, count) => {
    const bytes = noise(3, count * 2 * BLOCK - 1)
    const file = await fileOf(bytes)
    const workers = hashWorkers()
    const all = spans(count)
    const digests = await Promise.all(all.map(async span => hex(await workers.hashSpan(file, span))))
    expect(digests).toEqual(all.map(span => digestsOf(bytes, span)))
  })

  it.each([POOL_SPANS, 20 * WORKERS_FROM_SPANS])('says where a file of %i spans ends too early', async count => {
    const file = await fileOf(new Uint8Array(count * 2 * BLOCK))
    await truncate(file.path, 2 * BLOCK + 5)
    const workers = hashWorkers()
    const outcomes = await Promise.allSettled(spans(count).map(async span => await workers.hashSpan(file, span)))
    expect(outcomes[0]).toMatchObject({ status: 'fulfilled' })
    const [, second, ...others] = outcomes
    expect(second).toMatchObject({
      reason: { code: 'ERR_FILE_CHANGED', message: expect.stringContaining(`ends at byte ${2 * BLOCK + 5}`) }
    })
    for (const other of others) expect(other).toMatchObject({ reason: { code: 'ERR_FILE_CHANGED' } })
  })

  it('says what the system says: a folder cannot be read', async () => {
    const path = await tempFolder()
    const handle = await open(path)
    onTestFinished(async () => { await handle.close() })
    const workers = hashWorkers()
    const all = spans(10 * WORKERS_FROM_SPANS)
    const outcomes = await Promise.allSettled(all.map(async span => await workers.hashSpan({ handle, path }, span)))
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'ERR_PATH_KIND' } })
  })

  it('rejects what is left when it is closed', async () => {
    const count = 20 * WORKERS_FROM_SPANS
    const file = await fileOf(new Uint8Array(count * 2 * BLOCK))
    const workers = new HashWorkers()
    const outcomes = Promise.allSettled(spans(count).map(async span => await workers.hashSpan(file, span)))
    await workers.close()
    const last = (await outcomes).at(-1)
    expect(last).toMatchObject({ reason: { message: 'The hash workers were closed' } })
  })

  it('takes spans of several files in turn', async () => {
    const count = 20 * WORKERS_FROM_SPANS
    const file = await fileOf(new Uint8Array(count * 2 * BLOCK))
    const other = await fileOf(new Uint8Array(count * 2 * BLOCK))
    const workers = hashWorkers()
    let left = count
    const all = spans(count).map(async span => {
      await workers.hashSpan(file, span)
      left--
    })
    await Promise.all(spans(count).slice(0, 10).map(async span => await workers.hashSpan(other, span)))
    expect(left).toBeGreaterThan(0)
    await Promise.all(all)
  })

  it('drops what nobody has begun, of one file', async () => {
    const count = 20 * WORKERS_FROM_SPANS
    const file = await fileOf(new Uint8Array(count * 2 * BLOCK))
    const other = await fileOf(new Uint8Array(count * 2 * BLOCK))
    const workers = hashWorkers()
    const dropped = Promise.allSettled(spans(count).map(async span => await workers.hashSpan(file, span)))
    const kept = Promise.all(spans(count).map(async span => await workers.hashSpan(other, span)))
    workers.drop(file, new Error('enough'))
    const outcomes = await dropped
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(POOL_SPANS)
    expect(outcomes.at(-1)).toMatchObject({ reason: { message: 'enough' } })
    expect(await kept).toHaveLength(count)
  })

  it('gives what a worker had when it ended to others', async () => {
    const count = 20 * WORKERS_FROM_SPANS
    const bytes = noise(5, count * 2 * BLOCK - 1)
    const file = await fileOf(bytes)
    const ended: Array<Promise<number>> = []
    const onWorker = (worker: Worker): void => {
      worker.once('online', () => { ended.push(worker.terminate()) })
    }
    process.on('worker', onWorker)
    onTestFinished(() => { process.off('worker', onWorker) })
    const workers = hashWorkers()
    const all = spans(count)
    const digests = await Promise.all(all.map(async span => hex(await workers.hashSpan(file, span))))
    expect(digests).toEqual(all.map(span => digestsOf(bytes, span)))
    await expect.poll(() => ended.length).toBeGreaterThan(0)
  })

  const permission = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'

  it.each([
    ['keeps a process alive while workers hash, and no longer', []],
    ['leaves all to the thread pool where workers are forbidden', ['--no-warnings', permission, '--allow-fs-read=*']]
  ])('%s', async (_, flags) => {
    const file = await fileOf(new Uint8Array(100 * SPAN_BYTES))
    const source = (name: string): string => JSON.stringify(new URL(`../../dist/src/${name}.js`, import.meta.url).href)
    // As text: how a process is given its program must not be how a worker is.
    const program = `
      await import(${source('polyfill')})
      const { open } = await import('node:fs/promises')
      const { HashWorkers } = await import(${source('node/hash-workers')})
      const { spansOf } = await import(${source('cut/spans')})
      const file = { path: 'f', handle: await open(${JSON.stringify(file.path)}) }
      const workers = new HashWorkers()
      const spans = [...spansOf(Array.from({ length: 100 }, () => ${SPAN_BYTES}), ${SPAN_BYTES})]
      const hashed = await Promise.all(spans.map(span => workers.hashSpan(file, span)))
      console.log(hashed.length)
      await file.handle.close()`
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, '--input-type=module', '--eval', program])
    expect(stdout).toBe('100\n')
  })
})
