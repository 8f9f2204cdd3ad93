// Memory that is given back at once instead of being left to the garbage collector. Buffers of a transfer live for
// milliseconds, but each counts against V8's limits: at a gigabyte of them it collects its whole heap again and again,
// which cost more than the cipher and the hash together. A buffer that is given back is detached: whoever still had a
// view of it would see no bytes, never others'.

/** Below this a buffer is not worth the call. */
const LEAST_BYTES = 4096

/**
 * Buffers that each have one owner at any time, the last of whom gives them back. One of these a way through the
 * program, so that none is given back by who got it another way.
 */
export class OwnedMemory {
  readonly #owned = new WeakSet<ArrayBufferLike>()

  /** `bytes` long, with anything in them: for who fills all of them. */
  allocate (bytes: number): Uint8Array {
    const buffer = typeof Buffer === 'undefined' ? new ArrayBuffer(bytes) : Buffer.allocUnsafeSlow(bytes).buffer
    return this.own(new Uint8Array(buffer))
  }

  /** Says that nobody else refers to the buffer of these bytes. Does nothing when they are not all of it. */
  own<T extends Uint8Array> (bytes: T): T {
    if (bytes.byteLength >= LEAST_BYTES && bytes.byteLength === bytes.buffer.byteLength) this.#owned.add(bytes.buffer)
    return bytes
  }

  /** True when these bytes reach to the end of one of the buffers: who uses bytes in order has then used it up. */
  isEnd ({ buffer, byteOffset, byteLength }: Uint8Array): boolean {
    return byteLength > 0 && byteOffset + byteLength === buffer.byteLength && this.#owned.has(buffer)
  }

  /**
   * Gives back the buffer of these bytes at once, when it is one of these; else does nothing. The caller promises that
   * no view of it is used again, by no other thread and by no system call under way.
   */
  giveBack ({ buffer }: Uint8Array): void {
    if (!this.#owned.delete(buffer) || !(buffer instanceof ArrayBuffer)) return
    if (isTransferable(buffer)) buffer.transfer(0)
    else nowhere().postMessage(undefined, [buffer])
  }
}

/** Blocks read to be sent: given back when they are encrypted. */
export const readMemory = new OwnedMemory()
/** Noise messages encrypted: given back when the system has them. */
export const sealedMemory = new OwnedMemory()
/** Noise messages decrypted: given back when a block was copied out of them. */
export const openedMemory = new OwnedMemory()
/** Payloads received: given back when they are verified and written. */
export const payloadMemory = new OwnedMemory()

const LARGEST_BYTES = 32 * 1024 * 1024 - 64 * 1024
let isKept = false

/**
 * Has the C library keep what is freed for the next buffer, up to 64 MiB. glibc gives each freed buffer of a block back
 * to the system, and takes it anew page by page, which took 0.8 CPU seconds of a GiB sent and received; it stops that
 * once it has seen a large one come and go (mallopt(3), M_MMAP_THRESHOLD). None of its pages is touched. Elsewhere
 * this does nothing.
 */
export function keepFreedMemory (): void {
  if (isKept) return
  isKept = true
  const once = new OwnedMemory()
  once.giveBack(once.allocate(LARGEST_BYTES))
}

/** Node 22 and later. */
function isTransferable (buffer: ArrayBuffer): buffer is ArrayBuffer & { transfer: (bytes: number) => ArrayBuffer } {
  return 'transfer' in buffer && typeof buffer.transfer === 'function'
}

let closedPort: InstanceType<typeof MessageChannel>['port1'] | undefined

/** A port that nobody listens at: what is sent there is gone, with the memory that was handed over. */
function nowhere (): InstanceType<typeof MessageChannel>['port1'] {
  if (closedPort === undefined) {
    const { port1, port2 } = new MessageChannel()
    port2.close()
    closedPort = port1
  }
  return closedPort
}
