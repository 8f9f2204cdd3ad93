import { ModelswarmError } from '../errors.ts'
import { onDisk } from '../files/disk-error.ts'
import { payloadMemory } from '../memory.ts'
import { TREE_LIMITS } from '../model/tree-limits.ts'
import { WorkerEnded, WorkerThread } from './worker-thread.ts'
import type { BlockWriter, PlacedBytes } from '../files/block-writer.ts'
import type { OpenFile } from '../files/hash-spans.ts'

const PROGRAM = `
const { createHash } = require('node:crypto')
const { writeSync } = require('node:fs')
const zeros = new Uint8Array(${TREE_LIMITS.leafBytes})
function isZero (bytes) {
  return bytes[0] === 0 && Buffer.compare(bytes, zeros.subarray(0, bytes.byteLength)) === 0
}
function answer ({ fd, offset, bytes, mayLeaveHole, digest }) {
  if (Buffer.compare(createHash('sha256').update(bytes).digest(), digest) !== 0) return {}
  let done = mayLeaveHole && isZero(bytes) ? bytes.byteLength : 0
  while (done < bytes.byteLength) done += writeSync(fd, bytes, done, bytes.byteLength - done, offset + done)
  return { bytes, handOver: [bytes.buffer] }
}`

type Question = PlacedBytes & { readonly fd: number, readonly digest: Uint8Array }
/** Without bytes: they are not those of the digest. */
interface Answer { readonly bytes?: Uint8Array }

/**
 * One thread that verifies the blocks of a pull and writes them, so that the bytes go from the cache of one core to the
 * disk, and the main thread hands over one block where it would start two jobs of the thread pool.
 */
export class WriteWorker implements BlockWriter {
  readonly #thread: WorkerThread<Question, Answer> | undefined

  /** Where no thread may or can be started it is never ready. */
  constructor () {
    try {
      this.#thread = new WorkerThread(PROGRAM, () => {}, () => {})
    } catch {
      // Whatever the reason (forbidden, or no room for another thread), the thread pool does without it.
    }
  }

  get isReady (): boolean {
    return this.#thread?.isReady === true
  }

  /** The digest may be a view of many: it is copied, for what is handed over as a view is its whole buffer. */
  async write ({ handle, path }: OpenFile, placed: PlacedBytes, digest: Uint8Array): Promise<Uint8Array | undefined> {
    const thread = this.#thread
    const { buffer } = placed.bytes
    if (thread === undefined || !(buffer instanceof ArrayBuffer)) throw new TypeError('Not bytes that can be handed over')
    try {
      return await onDisk('write', path, async () => {
        const { bytes } = await thread.ask({ ...placed, fd: handle.fd, digest: digest.slice() }, [buffer])
        return bytes === undefined ? undefined : payloadMemory.own(bytes)
      })
    } catch (err) {
      if (!(err instanceof WorkerEnded)) throw err
      throw new ModelswarmError('ERR_DISK',
        `Cannot write ${path}: the thread that verifies and writes blocks ended; pull again to go on`, { cause: err, path })
    }
  }

  async end (): Promise<void> {
    await this.#thread?.end()
  }
}
