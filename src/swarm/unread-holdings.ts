import { UNREAD_HOLDINGS_BYTES } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { ByeReason } from '../wire/protocol.ts'
import type { Session } from './session.ts'

/** Ends the sessions that said most while our tree is not known, until what is kept of all is within its budget. */
export function boundUnread (sessions: Iterable<Session>): void {
  const largestFirst = [...sessions].sort((a, b) => b.their.unreadBytes - a.their.unreadBytes)
  let sum = largestFirst.reduce((bytes, { their }) => bytes + their.unreadBytes, 0)
  for (const session of largestFirst) {
    if (sum <= UNREAD_HOLDINGS_BYTES) return
    sum -= session.their.unreadBytes
    const err = new ModelswarmError('ERR_FLOOD', 'Peer says that it holds more than there is room to note',
      { sourceId: session.peerId })
    session.abort(err, ByeReason.protocolError)
  }
}
