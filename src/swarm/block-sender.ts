import { IDENTITY_ENCODING } from '../wire/protocol.ts'
import type { Clock } from './ports.ts'
import type { Channel } from '../wire/channel.ts'

export interface BlockSenderParts {
  /** The data stream of a session. */
  channel: Channel
  clock: Clock
  /** The stream can take more. */
  onWritable: () => void
  onFailed: (err: Error) => void
}

/** Hands blocks and tree nodes to the data stream of a session, and knows since when it has been full. */
export class BlockSender {
  readonly #parts: BlockSenderParts
  #fullSince: number | undefined
  #isStopped = false

  constructor (parts: BlockSenderParts) {
    this.#parts = parts
  }

  /** In the clock's ms; undefined while the stream can take more. */
  get fullSince (): number | undefined {
    return this.#fullSince
  }

  /** The payload is handed over. */
  send (block: { index: number, cid?: Uint8Array }, payload: Uint8Array): void {
    const { channel, clock, onWritable, onFailed } = this.#parts
    const canSendMore = channel.send({
      type: 'block',
      index: block.index,
      cid: block.cid,
      payloadBytes: payload.byteLength,
      encoding: IDENTITY_ENCODING,
      sentMs: Math.round(clock.now()) >>> 0
    }, payload)
    if (canSendMore || this.#isStopped) return
    this.#fullSince = clock.now()
    channel.drained().then(() => {
      this.#fullSince = undefined
      onWritable()
    }).catch((err: unknown) => { onFailed(err instanceof Error ? err : new Error('Sending failed')) })
  }

  /** The session has ended; with an error both sides of the stream see it at once, otherwise `close` is to follow. */
  stop (err: Error | undefined): void {
    this.#isStopped = true
    if (err !== undefined) this.#parts.channel.abort(err)
  }

  async close (): Promise<void> {
    await this.#parts.channel.close()
  }
}
