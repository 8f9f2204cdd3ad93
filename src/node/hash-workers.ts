import { availableParallelism } from 'node:os'
import { ModelswarmError } from '../errors.ts'
import { readExactly } from '../files/reader.ts'
import { HASH_WORKERS, POOL_SPANS, SPANS_OF_WORKER, WORKERS_FROM_BYTES } from '../machine-defaults.ts'
import { DIGEST_BYTES } from '../model/block-id.ts'
import { HashWorker } from './hash-worker.ts'
import { hash } from './ports.ts'
import { WorkerEnded } from './worker-thread.ts'
import type { Span } from '../cut/spans.ts'
import type { OpenFile, SpanHasher } from '../files/hash-spans.ts'

interface Job {
  readonly file: OpenFile
  readonly span: Span
  readonly resolve: (digests: Uint8Array) => void
  readonly reject: (err: unknown) => void
}

/** Whoever hashes: a worker, or the thread pool. */
interface Hand {
  /** Under way. */
  readonly jobs: Set<Job>
  readonly most: number
  hashSpan: SpanHasher['hashSpan']
}

/**
 * Hands spans out to threads. A few are left to the thread pool and WebCrypto; many are worth the 30 ms of a core that
 * a worker takes to start, one a core. Measured on two cores, 1 GiB in memory: 1.4 GB/s at 1.5 CPU s/GiB, and 1.05
 * GB/s at 1.8 where the main thread reads and workers hash (npm run bench -- publish). Where workers cannot start (no
 * permission, no more threads), or end, the thread pool does all.
 */
export class HashWorkers implements SpanHasher {
  readonly #pool: Hand = { jobs: new Set(), most: POOL_SPANS, hashSpan: hashInPool }
  readonly #workers = new Set<HashWorker>()
  /** Workers that have started. */
  #ready: Hand[] = []
  #waiting: Job[] = []
  #mayStart = true
  #isClosed = false

  async hashSpan (file: OpenFile, span: Span): Promise<Uint8Array> {
    if (this.#isClosed) throw closed()
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    this.#waiting.push({ file, span, resolve, reject })
    if (this.#mayStart && this.#waitingBytes >= WORKERS_FROM_BYTES) this.#start()
    this.#handOut()
    return await promise
  }

  drop (file: OpenFile, reason: unknown): void {
    const dropped = this.#waiting.filter(job => job.file === file)
    if (dropped.length === 0) return
    this.#waiting = this.#waiting.filter(job => job.file !== file)
    for (const job of dropped) job.reject(reason)
  }

  /** Ends the workers. What they had under way, what waits, and what comes later rejects with ERR_STOPPED. */
  async close (): Promise<void> {
    this.#isClosed = true
    for (const job of this.#waiting.splice(0)) job.reject(closed())
    await Promise.all([...this.#workers].map(async worker => { await worker.end() }))
  }

  get #waitingBytes (): number {
    return this.#waiting.reduce((sum, { span }) => sum + span.sizeBytes, 0)
  }

  #start (): void {
    this.#mayStart = false
    const count = Math.min(availableParallelism(), HASH_WORKERS)
    try {
      for (let i = 0; i < count; i++) this.#startOne()
    } catch {
      // Whatever the reason (forbidden, or no room for another thread), the pool hashes without them.
    }
  }

  #startOne (): void {
    const worker = new HashWorker(() => {
      this.#ready.push(hand)
      this.#handOut()
    }, () => {
      this.#workers.delete(worker)
      this.#ready = this.#ready.filter(other => other !== hand)
    })
    const hand: Hand = {
      jobs: new Set(), most: SPANS_OF_WORKER, hashSpan: async (file, span) => await worker.hashSpan(file, span)
    }
    this.#workers.add(worker)
  }

  #handOut (): void {
    while (this.#waiting.length > 0) {
      const underWay = [this.#pool, ...this.#ready].flatMap(({ jobs }) => [...jobs])
      const isOneFile = new Set([...underWay, ...this.#waiting].map(({ file }) => file)).size === 1
      // Of several files one may lie on a slow disk: its next span must not wait where others' are, nor hold all hands.
      const hands = this.#ready.length === 0 ? [this.#pool] : isOneFile ? this.#ready : [...this.#ready, this.#pool]
      const free = hands.filter(hand => hand.jobs.size < (isOneFile || hand === this.#pool ? hand.most : 1))
      const [first] = free
      if (first === undefined) return
      const least = free.reduce((a, b) => b.jobs.size < a.jobs.size ? b : a, first)
      const job = this.#takeNext(underWay)
      if (job === undefined) return
      this.#give(least, job)
    }
  }

  /** Takes out of the waiting the oldest of the file that has the fewest under way. */
  #takeNext (underWay: readonly Job[]): Job | undefined {
    const counts = new Map<OpenFile, number>()
    for (const { file } of underWay) counts.set(file, (counts.get(file) ?? 0) + 1)
    let at = 0
    for (const [i, { file }] of this.#waiting.entries()) {
      if ((counts.get(file) ?? 0) < (counts.get(this.#waiting[at]?.file ?? file) ?? 0)) at = i
    }
    return this.#waiting.splice(at, 1)[0]
  }

  #give (hand: Hand, job: Job): void {
    hand.jobs.add(job)
    hand.hashSpan(job.file, job.span).then(job.resolve, (err: unknown) => {
      if (!(err instanceof WorkerEnded)) job.reject(err)
      else if (this.#isClosed) job.reject(closed())
      else this.#waiting.unshift(job)
    }).finally(() => {
      hand.jobs.delete(job)
      this.#handOut()
    }).catch(job.reject)
  }
}

async function hashInPool ({ handle, path }: OpenFile, span: Span): Promise<Uint8Array> {
  const bytes = await readExactly(handle, path, span.offset, span.sizeBytes, new Uint8Array(span.sizeBytes))
  const digests = new Uint8Array(span.lengths.length * DIGEST_BYTES)
  let at = 0
  for (const [i, length] of span.lengths.entries()) {
    digests.set(await hash(bytes.subarray(at, at + length)), i * DIGEST_BYTES)
    at += length
  }
  return digests
}

function closed (): ModelswarmError {
  return new ModelswarmError('ERR_STOPPED', 'Cannot hash a file: the node or collection was closed')
}
