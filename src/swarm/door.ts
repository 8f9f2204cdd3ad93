import { ModelswarmError } from '../errors.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import type { Clock } from './ports.ts'
import type { Session } from './session.ts'
import type { Channel } from '../wire/channel.ts'
import type { Message } from '../wire/messages.ts'

/** Waits for the first message on a control channel, keeps the few that follow, then passes all to the session. */
export class Door {
  readonly first: Promise<Message>
  #session: Session | undefined
  readonly #early: Message[] = []
  #ended: { err: Error | undefined } | undefined

  constructor (control: Channel, clock: Clock, early: { bytes: number, messages: number }) {
    const first = Promise.withResolvers<Message>()
    this.first = first.promise
    first.promise.catch(() => { /* awaited later, or the stream ended first */ })
    let hasFirst = false
    let bytesSeen = 0
    const cancelTimer = clock.setTimer(WIRE_LIMITS.helloMs, () => {
      control.abort(new ModelswarmError('ERR_PEER_LOST', 'Peer did not say hello in time'))
    })
    control.open({
      onMessage: message => {
        if (!hasFirst) {
          hasFirst = true
          cancelTimer()
          first.resolve(message)
        } else if (this.#session !== undefined) {
          this.#session.onMessage(message)
        } else if (this.#early.push(message) > early.messages) {
          throw new ModelswarmError('ERR_PROTOCOL', 'Peer did not wait for the answer to its hello')
        }
      },
      onBlockStart: () => { throw new ModelswarmError('ERR_PROTOCOL', 'Block on the control stream') },
      onBlock: () => {},
      onUnknown: () => { this.#session?.onUnknown() },
      onBytes: bytes => {
        bytesSeen += bytes
        if (this.#session === undefined && bytesSeen > early.bytes) {
          throw new ModelswarmError('ERR_PROTOCOL', 'Peer sends much before the session has begun')
        }
      },
      onEnd: err => {
        cancelTimer()
        this.#ended = { err }
        first.reject(err ?? new ModelswarmError('ERR_PEER_LOST', 'Peer closed the stream before it said hello'))
        this.#session?.onControlEnd(err)
      }
    })
  }

  pass (session: Session): void {
    this.#session = session
    for (const message of this.#early) session.onMessage(message)
    this.#early.length = 0
    if (this.#ended !== undefined) session.onControlEnd(this.#ended.err)
  }
}
