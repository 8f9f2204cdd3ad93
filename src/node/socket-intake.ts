import { isReceiver, usesUp } from './read-at-once.ts'
import type { Receiver } from './read-at-once.ts'
import type { MultiaddrConnection } from '@libp2p/interface'

/** As much as a loopback or a fast network has ready; four Noise messages. Only what is used takes memory. */
const READ_BYTES = 256 * 1024

/**
 * Reads a socket that we dial into one buffer, again and again. By itself Node makes a buffer of 64 KiB for every read,
 * and each has to be collected. Bytes are handed on uncopied only to a connection that is read at once
 * (read-at-once.ts).
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
    else receiver.onData(usesUp(receiver) ? bytes : bytes.slice())
  }
}
