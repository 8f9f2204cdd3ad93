import { READ_BYTES } from '../defaults.ts'
import { onDisk } from '../files/disk-error.ts'
import { endsEarly } from '../files/reader.ts'
import { DIGEST_BYTES } from '../model/block-id.ts'
import { WorkerThread } from './worker-thread.ts'
import type { Span } from '../cut/spans.ts'
import type { OpenFile } from '../files/hash-spans.ts'

const PROGRAM = `
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
function answer ({ fd, offset, lengths, sizeBytes }) {
  const done = read(fd, offset, sizeBytes)
  if (done < sizeBytes) return { endsAt: offset + done }
  const digests = new Uint8Array(lengths.length * ${DIGEST_BYTES})
  let at = 0
  for (const [i, length] of lengths.entries()) {
    digests.set(createHash('sha256').update(memory.subarray(at, at + length)).digest(), i * ${DIGEST_BYTES})
    at += length
  }
  return { digests, handOver: [digests.buffer] }
}`

type Answer = { readonly digests: Uint8Array } | { readonly endsAt: number }

/**
 * One thread that reads what it hashes, so that the bytes are in its core's cache: another thread's bytes cost as much
 * as the reading. It keeps the process alive while it starts and while it hashes.
 */
export class HashWorker {
  readonly #thread: WorkerThread<Span & { readonly fd: number }, Answer>

  /** `onEnd` is called once, however it ends. @throws what Node throws where no thread may or can be started */
  constructor (onReady: () => void, onEnd: () => void) {
    this.#thread = new WorkerThread(PROGRAM, onReady, onEnd)
  }

  /** As SpanHasher; rejects with WorkerEnded too: then the span is another's to hash. */
  async hashSpan ({ handle, path }: OpenFile, span: Span): Promise<Uint8Array> {
    const answer = await onDisk('read', path, async () => await this.#thread.ask({ ...span, fd: handle.fd }))
    if ('digests' in answer) return answer.digests
    throw endsEarly(path, answer.endsAt, span.offset, span.sizeBytes)
  }

  async end (): Promise<void> {
    await this.#thread.end()
  }
}
