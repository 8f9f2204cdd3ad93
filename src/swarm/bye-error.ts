import { ModelswarmError } from '../errors.ts'
import { ByeReason } from '../wire/protocol.ts'
import { FULL } from './trouble.ts'

/** What a peer's Bye means to us; undefined when it just stops. */
export function byeError (reason: number, sourceId: string): ModelswarmError | undefined {
  switch (reason) {
    case ByeReason.unknownRoot:
      return new ModelswarmError('ERR_NOT_HELD', 'Peer does not know this root', { sourceId })
    case ByeReason.full: return new ModelswarmError('ERR_PEER_LOST', 'Peer has no room for another peer',
      { sourceId, received: FULL })
    case ByeReason.protocolError:
      return new ModelswarmError('ERR_PEER_LOST', 'Peer says that we broke the protocol', { sourceId })
    case ByeReason.badBlocks:
      return new ModelswarmError('ERR_PEER_LOST', 'Peer says that our blocks were wrong', { sourceId })
    case ByeReason.refused:
      return new ModelswarmError('ERR_PEER_LOST', 'Peer refuses us for a while because of earlier offences', { sourceId })
    default: return undefined
  }
}
