import { Worker } from 'node:worker_threads'
import { READ_BYTES } from '../defaults.ts'
import { diskError } from '../files/disk-error.ts'
import { endsEarly } from '../files/reader.ts'
import { DIGEST_BYTES } from '../model/block-id.ts'
import type { Span } from '../cut/spans.ts'
import type { OpenFile } from '../files/hash-spans.ts'

// The program is text, so that it runs from source, from dist and from an application's bundle alike.
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
    if (done < sizeBytes) return parentPort.postMessage({ kind: 'ended', at: offset + done })
    const digests = new Uint8Array(lengths.length * ${DIGEST_BYTES})
    let at = 0
    for (const [i, length] of lengths.entries()) {
      digests.set(createHash('sha256').update(memory.subarray(at, at + length)).digest(), i * ${DIGEST_BYTES})
      at += length
    }
    parentPort.postMessage({ kind: 'digests', digests }, [digests.buffer])
  } catch (err) {
    parentPort.postMessage({ kind: 'failed', message: err.message, code: err.code })
  }
})
parentPort.postMessage({ kind: 'ready' })`

/** What a worker says: once that it has started, then an answer to each span, in the order they were given. */
type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'digests', readonly digests: Uint8Array }
  | { readonly kind: 'ended', readonly at: number }
  | { readonly kind: 'failed', readonly message: string, readonly code?: string }

interface Asked {
  readonly file: OpenFile
  readonly span: Span
  readonly resolve: (digests: Uint8Array) => void
  readonly reject: (err: unknown) => void
}

/** The worker has ended before it answered: the span is another's to hash. */
export class WorkerEnded extends Error {}

/**
 * One thread that reads what it hashes, so that the bytes are in its core's cache: another thread's bytes cost as much
 * as the reading. It keeps the process alive while it starts and while it hashes.
 */
export class HashWorker {
  readonly #worker: Worker
  #asked: Asked[] = []
  #isEnded = false

  /** `onEnd` is called once, however it ends. @throws what Node throws where no thread may or can be started */
  constructor (onReady: () => void, onEnd: () => void) {
    // What the process was started with is not for it: --input-type=module, or what is to be loaded first.
    const worker = new Worker(PROGRAM, { eval: true, execArgv: [], env: {} })
    this.#worker = worker
    worker.on('message', (answer: Answer) => {
      if (answer.kind === 'ready') onReady()
      else this.#settle(answer)
      if (this.#asked.length === 0) worker.unref()
    })
    // An exit follows every error, and whatever a worker could not do is done without it.
    worker.on('error', () => {})
    worker.on('exit', () => {
      this.#isEnded = true
      for (const { reject } of this.#asked.splice(0)) reject(new WorkerEnded())
      onEnd()
    })
  }

  /** As SpanHasher; rejects with WorkerEnded too. */
  async hashSpan (file: OpenFile, span: Span): Promise<Uint8Array> {
    if (this.#isEnded) throw new WorkerEnded()
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    this.#asked.push({ file, span, resolve, reject })
    this.#worker.ref()
    this.#worker.postMessage({ ...span, fd: file.handle.fd })
    return await promise
  }

  async end (): Promise<void> {
    await this.#worker.terminate()
  }

  #settle (answer: Exclude<Answer, { kind: 'ready' }>): void {
    const asked = this.#asked.shift()
    if (asked === undefined) return
    const { file: { path }, span, resolve, reject } = asked
    if (answer.kind === 'digests') resolve(answer.digests)
    else if (answer.kind === 'ended') reject(endsEarly(path, answer.at, span.offset, span.sizeBytes))
    else reject(diskError(Object.assign(new Error(answer.message), { code: answer.code }), 'read', path))
  }
}
