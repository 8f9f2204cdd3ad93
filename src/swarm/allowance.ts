import { WIRE_LIMITS } from '../wire/limits.ts'
import { RejectReason } from '../wire/protocol.ts'
import { Bucket } from './bucket.ts'
import type { BlockMessage, Message } from '../wire/messages.ts'

/**
 * How much a peer may send in one session, whatever it is. Each method says what is too much, in words, or nothing:
 * then the session goes on.
 */
export class Allowance {
  readonly #messages: Bucket
  /** Blocks taken back that may still come: the sender may have read them before it read our Cancel. */
  readonly #cancelled = new Set<number>()
  #unknownFrames = 0
  #unaskedBlocks = 0
  #unaskedBytes = 0

  /** `burst`: messages at once. */
  constructor (now: number, burst: number) {
    this.#messages = new Bucket(burst, WIRE_LIMITS.messagesPerSec, now)
  }

  onMessage (message: Message, now: number): string | undefined {
    return this.#messages.take(costOf(message), now)
      ? undefined
      : `Peer sends more than ${WIRE_LIMITS.messagesPerSec} messages a second`
  }

  onUnknown (): string | undefined {
    return ++this.#unknownFrames > WIRE_LIMITS.unknownFrames ? 'Peer sends messages of no known kind without end' : undefined
  }

  /** We say this: answers cost, and what we take back may come all the same. */
  onSent (message: Message): void {
    if (message.type === 'alive' && message.answer) this.#messages.spend(WIRE_LIMITS.messagesPerAnswer)
    // Our disk is not their fault (I5), nor is a block that we lost: those who ask for it find out one by one.
    if (message.type === 'reject' && message.reason !== RejectReason.unreadable) {
      this.#messages.spend(message.reason === RejectReason.notHeld ? 1 : WIRE_LIMITS.messagesPerAnswer)
    }
    if (message.type !== 'cancel') return
    for (const block of message.indexes) this.#cancelled.add(block)
    for (const oldest of this.#cancelled) {
      if (this.#cancelled.size <= WIRE_LIMITS.requestsQueued) break
      this.#cancelled.delete(oldest)
    }
  }

  /** A block has come that is of no use. */
  onUseless ({ index, cid, payloadBytes }: BlockMessage): string | undefined {
    if (cid === undefined && this.#cancelled.delete(index)) return undefined
    this.#unaskedBytes += payloadBytes
    return ++this.#unaskedBlocks > WIRE_LIMITS.unaskedBlocks || this.#unaskedBytes > WIRE_LIMITS.unaskedBytes
      ? 'Peer sends blocks nobody asked for'
      : undefined
  }
}

function costOf (message: Message): number {
  switch (message.type) {
    case 'have': return 1 + (message.indexes.length + (message.coming?.length ?? 0)) / WIRE_LIMITS.itemsPerMessage
    case 'cancel': return 1 + message.indexes.length / WIRE_LIMITS.itemsPerMessage
    case 'request': case 'reject':
      return 1 + (message.indexes.length + message.cids.length) / WIRE_LIMITS.itemsPerMessage
    case 'peers': return 1 + message.records.length * WIRE_LIMITS.messagesPerAnswer
    default: return 1
  }
}
