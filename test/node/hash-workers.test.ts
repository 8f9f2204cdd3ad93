import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { open, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { spansOf } from '../../src/cut/spans.ts'
import { HASH_WORKERS, POOL_SPANS, WORKERS_FROM_BYTES } from '../../src/machine-defaults.ts'
import { HashWorker } from '../../src/node/hash-worker.ts'
import { HashWorkers } from '../../src/node/hash-workers.ts'
import { WorkerEnded } from '../../src/node/worker-thread.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { noise } from '../model/tree-fixtures.ts'
import type { Worker } from 'node:worker_threads'
import type { Span } from '../../src/cut/spans.ts'
import type { OpenFile } from '../../src/files/hash-spans.ts'

const BLOCK = 64 * 1024
/** So many spans start workers. */
const MANY = 2 * WORKERS_FROM_BYTES / (2 * BLOCK)

async function fileOf (bytes: Uint8Array): Promise<OpenFile> {
  const path = join(await tempFolder(), 'f')
  await writeFile(path, bytes)
  return await opened(path)
}

async function opened (path: string): Promise<OpenFile> {
  const handle = await open(path)
  onTestFinished(async () => { await handle.close() })
  return { handle, path }
}

/** A file of zeros that takes no room on the disk. */
async function sparse (spanCount: number): Promise<OpenFile> {
  const file = await fileOf(new Uint8Array(0))
  await truncate(file.path, spanCount * 2 * BLOCK)
  return file
}

function hashWorkers (): HashWorkers {
  const workers = new HashWorkers()
  onTestFinished(async () => { await workers.close() })
  return workers
}

/** One that has started. */
async function hashWorker (): Promise<HashWorker> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  const worker = new HashWorker(() => { resolve(undefined) }, () => { reject(new Error('It ended')) })
  promise.catch(() => {})
  onTestFinished(async () => { await worker.end() })
  await promise
  return worker
}

/** The workers that are started from now on, each told of a turn of the event loop later. */
function workersStarted (onStart?: (worker: Worker) => void): Worker[] {
  const started: Worker[] = []
  const onWorker = (worker: Worker): void => {
    started.push(worker)
    onStart?.(worker)
  }
  process.on('worker', onWorker)
  onTestFinished(() => { process.off('worker', onWorker) })
  return started
}

/** So many spans of two blocks, the last one shorter. */
const spans = (count: number): Span[] =>
  [...spansOf([...Array.from({ length: 2 * count - 1 }, () => BLOCK), BLOCK - 1], 2 * BLOCK)]

const hex = (digests: Uint8Array): string => Buffer.from(digests).toString('hex')

const digestsOf = (bytes: Uint8Array, { offset, lengths }: Span): string => lengths.map((length, i) => {
  const block = bytes.subarray(offset + i * BLOCK, offset + i * BLOCK + length)
  return createHash('sha256').update(block).digest('hex')
}).join('')

describe('HashWorker', () => {
  it('hashes blocks where they lie, and answers in order', async () => {
    const bytes = noise(3, 5 * 2 * BLOCK - 1)
    const file = await fileOf(bytes)
    const worker = await hashWorker()
    const digests = await Promise.all(spans(5).map(async span => hex(await worker.hashSpan(file, span))))
    expect(digests).toEqual(spans(5).map(span => digestsOf(bytes, span)))
  })

  it('hashes a span larger than what is read at once', async () => {
    const bytes = noise(4, 3 * 1024 * 1024)
    const file = await fileOf(bytes)
    const worker = await hashWorker()
    const span = { offset: 1, lengths: [bytes.byteLength - 1], sizeBytes: bytes.byteLength - 1 }
    expect(hex(await worker.hashSpan(file, span))).toBe(createHash('sha256').update(bytes.subarray(1)).digest('hex'))
  })

  it('says where a file ends too early, and goes on', async () => {
    const file = await fileOf(new Uint8Array(2 * BLOCK + 5))
    const worker = await hashWorker()
    const [good, short] = spans(2)
    if (good === undefined || short === undefined) throw new Error('Two spans')
    await expect(worker.hashSpan(file, short)).rejects.toMatchObject({
      code: 'ERR_FILE_CHANGED', message: expect.stringContaining(`ends at byte ${2 * BLOCK + 5}`)
    })
    expect(await worker.hashSpan(file, good)).toHaveLength(64)
  })

  it('says what the system says: a folder cannot be read', async () => {
    const worker = await hashWorker()
    const folder = await opened(await tempFolder())
    const [span] = spans(1)
    if (span === undefined) throw new Error('One span')
    await expect(worker.hashSpan(folder, span)).rejects.toMatchObject({ code: 'ERR_PATH_KIND' })
  })

  it('rejects what it has not answered when it ends, and what comes after', async () => {
    const file = await sparse(200)
    const worker = await hashWorker()
    const outcomes = Promise.allSettled(spans(200).map(async span => await worker.hashSpan(file, span)))
    await worker.end()
    expect((await outcomes).at(-1)).toMatchObject({ reason: expect.any(WorkerEnded) })
    const [span] = spans(1)
    if (span === undefined) throw new Error('One span')
    await expect(worker.hashSpan(file, span)).rejects.toBeInstanceOf(WorkerEnded)
  })
})

describe('HashWorkers', () => {
  it('leaves a few to the thread pool, however many spans they are', async () => {
    const started = workersStarted()
    const file = await sparse(100)
    const workers = hashWorkers()
    const tiny = [...spansOf(Array.from({ length: 100 }, () => 10), 10)]
    await Promise.all(tiny.map(async span => await workers.hashSpan(file, span)))
    expect(started).toEqual([])
  })

  it('hashes many with workers, and with the thread pool until they are there', async () => {
    const started = workersStarted()
    const bytes = noise(3, MANY * 2 * BLOCK - 1)
    const file = await fileOf(bytes)
    const workers = hashWorkers()
    const all = spans(MANY)
    const digests = await Promise.all(all.map(async span => hex(await workers.hashSpan(file, span))))
    expect(digests).toEqual(all.map(span => digestsOf(bytes, span)))
    expect(started.length).toBeGreaterThan(0)
  })

  it('says where a file ends too early, whoever reads it', async () => {
    const file = await sparse(1)
    const workers = hashWorkers()
    const all = spans(MANY).map(async span => await workers.hashSpan(file, span))
    const [good, ...others] = await Promise.allSettled(all)
    expect(good).toMatchObject({ status: 'fulfilled' })
    for (const other of others) expect(other).toMatchObject({ reason: { code: 'ERR_FILE_CHANGED' } })
  })

  it('rejects all that no thread has begun when it is closed, and what comes after', async () => {
    const file = await sparse(MANY)
    const workers = new HashWorkers()
    const outcomes = Promise.allSettled(spans(MANY).map(async span => await workers.hashSpan(file, span)))
    await workers.close()
    const ended = await outcomes
    expect(ended.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(POOL_SPANS)
    expect(ended.at(-1)).toMatchObject({ reason: { code: 'ERR_STOPPED' } })
    const [span] = spans(1)
    if (span === undefined) throw new Error('One span')
    await expect(workers.hashSpan(file, span)).rejects.toMatchObject({ code: 'ERR_STOPPED' })
  })

  it('rejects what workers have under way when it is closed', async () => {
    const started = workersStarted()
    const workers = new HashWorkers()
    const warm = await sparse(MANY)
    const hashed = spans(MANY).map(async span => await workers.hashSpan(warm, span))
    await setImmediate()
    await Promise.all([...hashed, ...started.map(async worker => {
      await new Promise(resolve => { worker.once('message', resolve) })
    })])
    // A worker takes long for the first of these, and has not begun the second.
    const size = 16 * 1024 * 1024
    const large = [...spansOf(Array.from({ length: 2 * HASH_WORKERS }, () => size), size)]
    const file = await fileOf(new Uint8Array(0))
    await truncate(file.path, large.length * size)
    const outcomes = Promise.allSettled(large.map(async span => await workers.hashSpan(file, span)))
    await workers.close()
    expect((await outcomes)[started.length]).toMatchObject({ reason: { code: 'ERR_STOPPED' } })
  })

  it('takes spans of several files in turn', async () => {
    const file = await sparse(MANY)
    const other = await sparse(10)
    const workers = hashWorkers()
    let left = MANY
    const all = spans(MANY).map(async span => {
      await workers.hashSpan(file, span)
      left--
    })
    await Promise.all(spans(10).map(async span => await workers.hashSpan(other, span)))
    expect(left).toBeGreaterThan(MANY / 2)
    await Promise.all(all)
  })

  it('gives a worker one span at a time while there are several files: one may lie on a slow disk', async () => {
    const left = [MANY, MANY]
    let most = 0
    const started = workersStarted(worker => {
      let underWay = 0
      const post = worker.postMessage.bind(worker)
      worker.postMessage = (...message: Parameters<Worker['postMessage']>) => {
        underWay++
        if (Math.min(...left) > MANY / 4) most = Math.max(most, underWay)
        post(...message)
      }
      worker.prependListener('message', ({ kind }: { kind: string }) => { if (kind !== 'ready') underWay-- })
    })
    const workers = hashWorkers()
    await Promise.all([await sparse(MANY), await sparse(MANY)].map(async (file, i) => {
      await Promise.all(spans(MANY).map(async span => {
        await workers.hashSpan(file, span)
        left[i] = (left[i] ?? 0) - 1
      }))
    }))
    expect(started.length).toBeGreaterThan(0)
    expect(most).toBe(1)
  })

  it('drops what nobody has begun, of one file', async () => {
    const file = await sparse(MANY)
    const other = await sparse(MANY)
    const workers = hashWorkers()
    const dropped = Promise.allSettled(spans(MANY).map(async span => await workers.hashSpan(file, span)))
    const kept = Promise.all(spans(MANY).map(async span => await workers.hashSpan(other, span)))
    workers.drop(file, new Error('enough'))
    const outcomes = await dropped
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(POOL_SPANS)
    expect(outcomes.at(-1)).toMatchObject({ reason: { message: 'enough' } })
    expect(await kept).toHaveLength(MANY)
  })

  it('gives what a worker had when it ended to others', async () => {
    const started = workersStarted()
    const bytes = noise(5, MANY * 2 * BLOCK - 1)
    const file = await fileOf(bytes)
    const workers = hashWorkers()
    const all = spans(MANY)
    const digests = Promise.all(all.map(async span => hex(await workers.hashSpan(file, span))))
    await setImmediate()
    // The first message is that it has started, and is heard by HashWorkers before us: it holds spans now.
    await Promise.all(started.map(async worker => {
      await new Promise(resolve => { worker.once('message', resolve) })
      await worker.terminate()
    }))
    expect(await digests).toEqual(all.map(span => digestsOf(bytes, span)))
    expect(started.length).toBeGreaterThan(0)
  })

  const permission = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'

  it.each([
    ['keeps a process alive while workers hash, and no longer', []],
    ['leaves all to the thread pool where workers are forbidden', ['--no-warnings', permission, '--allow-fs-read=*']]
  ])('%s', async (_, flags) => {
    const file = await sparse(4 * MANY)
    const source = (name: string): string => JSON.stringify(new URL(`../../dist/src/${name}.js`, import.meta.url).href)
    // As text: how a process is given its program must not be how a worker is.
    const program = `
      await import(${source('polyfill')})
      const { open } = await import('node:fs/promises')
      const { HashWorkers } = await import(${source('node/hash-workers')})
      const { spansOf } = await import(${source('cut/spans')})
      const file = { path: 'f', handle: await open(${JSON.stringify(file.path)}) }
      const workers = new HashWorkers()
      const spans = [...spansOf(Array.from({ length: ${4 * MANY} }, () => ${2 * BLOCK}), ${2 * BLOCK})]
      const hashed = await Promise.all(spans.map(span => workers.hashSpan(file, span)))
      console.log(hashed.length)
      await file.handle.close()`
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, '--input-type=module', '--eval', program])
    expect(stdout).toBe(`${4 * MANY}\n`)
  })
})
