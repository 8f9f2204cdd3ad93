import { ModelswarmError } from '../errors.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import type { ErrorCode } from '../errors.ts'
import type { Clock } from './ports.ts'
import type { Session } from './session.ts'
import type { Channel, ChannelSink } from '../wire/channel.ts'

interface Expected {
  readonly session: Session
  readonly cancelTimer: () => void
}

/** What becomes of a data stream that a peer opened; one of the two is called, once. */
export interface AttachEvents {
  onAttached: () => void
  /** It ended before it belonged to a session. */
  onFailed: (err: Error | undefined) => void
}

/** Joins the data streams that peers open to their sessions: each session accepted has a token, and Attach names it. */
export class Attachments {
  readonly #clock: Clock
  readonly #expected = new Map<string, Expected>()

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** Waits for the data stream of a session, which ends when that does not come in time; the token for our Hello. */
  expect (session: Session): Uint8Array {
    const token = crypto.getRandomValues(new Uint8Array(16))
    const key = keyOf(token)
    const cancelTimer = this.#clock.setTimer(WIRE_LIMITS.helloMs, () => {
      if (this.#expected.delete(key)) session.abort(late())
    })
    this.#expected.set(key, { session, cancelTimer })
    return token
  }

  /** A peer opened a data stream, on which nothing was said yet. */
  accept (data: Channel, peerId: string, { onAttached, onFailed }: AttachEvents): void {
    const cancelTimer = this.#clock.setTimer(WIRE_LIMITS.helloMs, () => { data.abort(late()) })
    let sink: ChannelSink | undefined
    let isAttached = false
    const refuse = (what: string, code: ErrorCode = 'ERR_PROTOCOL'): never => {
      throw new ModelswarmError(code, what, { sourceId: peerId })
    }
    data.open({
      onMessage: message => {
        if (isAttached) return sink?.onMessage(message)
        if (message.type !== 'attach') return refuse(`Peer began its data stream with ${message.type}`)
        const expected = this.#take(message.token, peerId)
        // Nobody's fault: the session may have ended while this was on its way.
        if (expected === undefined) return refuse('Data stream of no session', 'ERR_PEER_LOST')
        cancelTimer()
        onAttached()
        isAttached = true
        sink = expected.attachData(data)
      },
      onBlockStart: block => isAttached ? sink?.onBlockStart(block) ?? false : refuse('Block before attach'),
      onBlock: (block, payload) => sink?.onBlock(block, payload),
      onUnknown: () => isAttached ? sink?.onUnknown() : refuse('Peer began its data stream with nothing known'),
      onBytes: bytes => sink?.onBytes(bytes),
      onEnd: err => {
        cancelTimer()
        if (!isAttached) onFailed(err)
        sink?.onEnd(err)
      }
    })
  }

  /** No token is good any more. */
  stop (): void {
    for (const { cancelTimer } of this.#expected.values()) cancelTimer()
    this.#expected.clear()
  }

  #take (token: Uint8Array, peerId: string): Session | undefined {
    const key = keyOf(token)
    const expected = this.#expected.get(key)
    if (expected?.session.peerId !== peerId) return undefined
    this.#expected.delete(key)
    expected.cancelTimer()
    return expected.session
  }
}

/** It may have vanished or be slow; that breaks no rule, and it is dialled again. */
function late (): ModelswarmError {
  return new ModelswarmError('ERR_PEER_LOST', 'Peer did not attach its data stream in time')
}

function keyOf (token: Uint8Array): string {
  return String.fromCharCode(...token)
}
