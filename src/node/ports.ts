import type { Clock } from '../swarm/ports.ts'
import type { Hash } from '../model/block-id.ts'

// What a node takes from the machine it runs on, as ports: the only place that knows Node's clock and crypto.

/** sha2-256 by WebCrypto, which hashes on the thread pool: the main thread only hands the bytes over. */
export const hash: Hash = async bytes => new Uint8Array(await crypto.subtle.digest('SHA-256', toBuffer(bytes)))

export const clock: Clock = {
  now: () => performance.now(),
  setTimer: (ms, fn) => {
    const timer = setTimeout(fn, ms)
    timer.unref()
    return () => { clearTimeout(timer) }
  }
}

/** WebCrypto's type wants bytes that are surely not shared memory; ours never are (I7). */
function toBuffer (bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (bytes.buffer instanceof ArrayBuffer) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return bytes.slice()
}
