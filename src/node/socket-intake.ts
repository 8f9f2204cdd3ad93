import { isReadAtOnce } from './lean-noise.ts'
import type { MultiaddrConnection } from '@libp2p/interface'

/** As much as a loopback or a fast network has ready; four Noise messages. Only what is used takes memory. */
const READ_BYTES = 256 * 1024

/** What of libp2p's MultiaddrConnection is used. */
interface Receiver {
  onData: (data: Uint8Array) => void
  readStatus: string
  readBufferLength: number
  listenerCount: (type: string) => number
}

/**
 * Reads a socket that we dial into one buffer, again and again. By itself Node makes a buffer of 64 KiB for every read,
 * and each has to be collected. Bytes are handed on uncopied only to a connection that is read at once (lean-noise.ts).
 */
export class SocketIntake {
  /** For net.connect. */
  readonly onread: { buffer: Uint8Array, callback: (bytes: number, buffer: Uint8Array) => boolean }
  #receiver: Receiver | undefined
  #early: Uint8Array[] = []

  constructor () {
    this.onread = {
      buffer: new Uint8Array(READ_BYTES),
      callback: (bytes, buffer) => {
        this.#take(buffer.subarray(0, bytes))
        return true
      }
    }
  }

  /** From now on all goes to this connection, what came before first. False when it cannot be handed anything. */
  attach (connection: MultiaddrConnection): boolean {
    if (!isReceiver(connection)) return false
    this.#receiver = connection
    const early = this.#early
    this.#early = []
    for (const bytes of early) connection.onData(bytes)
    return true
  }

  #take (bytes: Uint8Array): void {
    const receiver = this.#receiver
    if (receiver === undefined) this.#early.push(bytes.slice())
    else receiver.onData(usesAtOnce(receiver) ? bytes : bytes.slice())
  }
}

/** Nothing waits and nobody but Noise listens, so that the bytes have been used up when onData returns. */
function usesAtOnce (receiver: Receiver): boolean {
  return isReadAtOnce(receiver) &&
    receiver.readStatus === 'readable' && receiver.readBufferLength === 0 && receiver.listenerCount('message') === 1
}

function isReceiver (connection: object): connection is Receiver {
  return 'onData' in connection && typeof connection.onData === 'function' &&
    'readStatus' in connection && typeof connection.readStatus === 'string' &&
    'readBufferLength' in connection && typeof connection.readBufferLength === 'number' &&
    'listenerCount' in connection && typeof connection.listenerCount === 'function'
}
