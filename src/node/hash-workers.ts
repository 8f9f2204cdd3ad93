import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { READ_BYTES } from '../defaults.ts'
import { diskError } from '../files/disk-error.ts'
import { changed, readExactly } from '../files/reader.ts'
import { HASH_WORKERS, POOL_SPANS, SPANS_OF_WORKER, WORKERS_FROM_SPANS } from '../machine-defaults.ts'
import { DIGEST_BYTES } from '../model/block-id.ts'
import { hash } from './ports.ts'
import type { Span } from '../cut/spans.ts'
import type { OpenFile, SpanHasher } from '../files/hash-spans.ts'

// The workers' program is text, so that it runs from source, from dist and from an application's bundle alike. A worker
// reads what it hashes, so that the bytes are in its core's cache: another thread's bytes cost as much as the reading.
const PROGRAM = `
const { parentPort } = require('node:worker_threads')
const { createHash } = require('node:crypto')
const { readSync } = require('node:fs')
let memory = new Uint8Array(${READ_BYTES})
function read (fd, offset, sizeBytes) {
  if (memory.byteLength < sizeBytes) memory = new Uint8Array(sizeBytes)
  let done = 0
  while (done < sizeBytes) {
    const count = readSync(fd, memory, done, sizeBytes - done, offset + done)
    if (count === 0) break
    done += count
  }
  return done
}
parentPort.on('message', ({ fd, offset, lengths, sizeBytes }) => {
  try {
    const done = read(fd, offset, sizeBytes)
    if (done < sizeBytes) return parentPort.postMessage({ endedAt: offset + done })
    const digests = new Uint8Array(lengths.length * ${DIGEST_BYTES})
    let at = 0
    for (const [i, length] of lengths.entries()) {
      digests.set(createHash('sha256').update(memory.subarray(at, at + length)).digest(), i * ${DIGEST_BYTES})
      at += length
    }
    parentPort.postMessage({ digests }, [digests.buffer])
  } catch (err) {
    parentPort.postMessage({ failure: { message: err.message, code: err.code, syscall: err.syscall } })
  }
})
parentPort.postMessage({ isReady: true })`

/** What a worker says of the oldest span it was given. */
interface Answer {
  digests?: Uint8Array
  /** The file has ended here, before the span does. */
  endedAt?: number
  failure?: { message: string, code?: string, syscall?: string }
  /** It says so once, when it has started. */
  isReady?: boolean
}

interface Job {
  readonly file: OpenFile
  readonly span: Span
  readonly resolve: (digests: Uint8Array) => void
  readonly reject: (err: unknown) => void
}

/** Whoever takes jobs: a worker, or the thread pool. */
interface Taker {
  /** Oldest first. */
  readonly jobs: Job[]
  readonly most: number
  take: (job: Job) => void
}

/**
 * Reads and hashes on threads. A few spans are left to the thread pool and WebCrypto; many are worth the 30 ms of a
 * core that a worker takes to start, one a core. Measured on two cores, 1 GiB in memory: 1.4 GB/s at 1.5 CPU s/GiB,
 * and 1.05 GB/s at 1.8 where the main thread reads and workers hash (npm run bench -- publish). Where workers cannot
 * start (no permission, no more threads), or end, the thread pool does all.
 */
export class HashWorkers implements SpanHasher {
  #workers: Worker[] = []
  #online: Taker[] = []
  readonly #pool: Taker = { jobs: [], most: POOL_SPANS, take: job => { this.#hashInPool(job).catch(job.reject) } }
  #waiting: Job[] = []
  #mayStart = true

  async hashSpan (file: OpenFile, span: Span): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    this.#waiting.push({ file, span, resolve, reject })
    if (this.#mayStart && this.#waiting.length >= WORKERS_FROM_SPANS) this.#start()
    this.#handOut()
    return await promise
  }

  drop (file: OpenFile, reason: unknown): void {
    const dropped = this.#waiting.filter(job => job.file === file)
    if (dropped.length === 0) return
    this.#waiting = this.#waiting.filter(job => job.file !== file)
    for (const job of dropped) job.reject(reason)
  }

  /** Ends the workers; what they had under way is rejected. */
  async close (): Promise<void> {
    const workers = this.#workers
    const jobs = [...this.#online.flatMap(taker => taker.jobs), ...this.#waiting]
    this.#mayStart = false
    this.#workers = []
    this.#online = []
    this.#waiting = []
    await Promise.all(workers.map(async worker => await worker.terminate()))
    for (const job of jobs) job.reject(new Error('The hash workers were closed'))
  }

  #start (): void {
    this.#mayStart = false
    const count = Math.min(availableParallelism(), HASH_WORKERS)
    try {
      for (let i = 0; i < count; i++) this.#startOne()
    } catch {
      // Workers are forbidden here, or there is no room for another.
    }
  }

  #startOne (): void {
    // What the process was started with is not for it: --input-type=module, or what is to be loaded first.
    const worker = new Worker(PROGRAM, { eval: true, execArgv: [] })
    const taker: Taker = {
      jobs: [],
      most: SPANS_OF_WORKER,
      take: ({ file, span }) => {
        worker.ref()
        worker.postMessage({ ...span, fd: file.handle.fd })
      }
    }
    worker.on('message', (answer: Answer) => {
      if (!this.#workers.includes(worker)) return
      if (answer.isReady === true) this.#online.push(taker)
      else settle(taker.jobs.shift(), answer)
      this.#handOut()
      // The process may end while it has nothing to do.
      if (taker.jobs.length === 0) worker.unref()
    })
    // What it had not answered when it ended is others' to do. An error is always followed by an exit.
    worker.on('error', () => {})
    worker.on('exit', () => {
      if (!this.#workers.includes(worker)) return
      this.#workers = this.#workers.filter(other => other !== worker)
      this.#online = this.#online.filter(other => other !== taker)
      this.#waiting.unshift(...taker.jobs)
      this.#handOut()
    })
    this.#workers.push(worker)
  }

  #handOut (): void {
    const takers = this.#online.length > 0 ? this.#online : [this.#pool]
    while (this.#waiting.length > 0) {
      const underWay = takers.flatMap(taker => taker.jobs)
      const least = takers.reduce((a, b) => b.jobs.length < a.jobs.length ? b : a)
      // Of several files one may lie on a slow disk: its next span must not wait where others' are.
      const isAlone = new Set([...underWay, ...this.#waiting].map(({ file }) => file)).size === 1
      if (least.jobs.length >= (isAlone || least === this.#pool ? least.most : 1)) return
      const job = this.#nextJob(underWay)
      if (job === undefined) return
      least.jobs.push(job)
      least.take(job)
    }
  }

  /** The oldest of the file that has the fewest under way. */
  #nextJob (underWay: readonly Job[]): Job | undefined {
    const counts = new Map<OpenFile, number>()
    for (const { file } of underWay) counts.set(file, (counts.get(file) ?? 0) + 1)
    const countOf = ({ file }: Job): number => counts.get(file) ?? 0
    const next = this.#waiting.reduce<Job | undefined>((best, job) => {
      return best === undefined || countOf(job) < countOf(best) ? job : best
    }, undefined)
    this.#waiting = this.#waiting.filter(job => job !== next)
    return next
  }

  async #hashInPool (job: Job): Promise<void> {
    const { file: { handle, path }, span, resolve, reject } = job
    try {
      const bytes = await readExactly(handle, path, span.offset, span.sizeBytes, new Uint8Array(span.sizeBytes))
      const digests = new Uint8Array(span.lengths.length * DIGEST_BYTES)
      let at = 0
      for (const [i, length] of span.lengths.entries()) {
        digests.set(await hash(bytes.subarray(at, at + length)), i * DIGEST_BYTES)
        at += length
      }
      resolve(digests)
    } catch (err) {
      reject(err)
    }
    this.#pool.jobs.splice(this.#pool.jobs.indexOf(job), 1)
    this.#handOut()
  }
}

function settle (job: Job | undefined, { digests, endedAt, failure }: Answer): void {
  if (job === undefined) return
  const { file: { path }, span, resolve, reject } = job
  if (digests !== undefined) resolve(digests)
  else if (failure !== undefined) reject(diskError(Object.assign(new Error(failure.message), failure), 'read', path))
  else reject(changed(path, `it ends at byte ${endedAt}, expected ${span.sizeBytes} bytes from ${span.offset} on`))
}
