import { isModelswarmError } from '../errors.ts'

/** Why a source is not connected. The words for people are in pull/gave-up.ts. */
export type TroubleKind =
  // not reached
  | 'pending' | 'refused' | 'reset' | 'noAnswer' | 'noRoute' | 'noName' | 'closedAtOnce' | 'notLibp2p' | 'mute' | 'undialable'
  // reached, but nothing to be had
  | 'otherPeer' | 'otherLibp2p' | 'otherVersion' | 'unknownRoot' | 'full'
  // had been connected
  | 'lost' | 'wrongBytes' | 'brokeProtocol'
  | 'other'

/** What came between us and a source, as a value. */
export interface Trouble {
  readonly kind: TroubleKind
  /** What was reported, for `other`. */
  readonly seen: string
}

/** A source that was tried and is not connected. */
export interface TriedSource {
  /** Its address, or the end of its peer id where none is known. */
  readonly name: string
  readonly trouble: Trouble
}

/** What libp2p and the system say of a dial that failed. */
const SIGNS: ReadonlyArray<readonly [string, TroubleKind]> = [
  ['ECONNREFUSED', 'refused'],
  ['ECONNRESET', 'reset'],
  ['ETIMEDOUT', 'noAnswer'],
  ['EHOSTUNREACH', 'noRoute'],
  ['ENETUNREACH', 'noRoute'],
  ['ENOTFOUND', 'noName'],
  ['does not match expected remote identity', 'otherPeer'],
  ['closed while reading 0/', 'closedAtOnce'],
  ['Unexpected EOF', 'notLibp2p'],
  ['Missing newline', 'notLibp2p'],
  ['Invalid message length', 'notLibp2p'],
  ['Message length', 'notLibp2p'],
  ['handshake stage', 'notLibp2p'],
  ['Protocol selection failed', 'otherLibp2p'],
  ['no valid addresses', 'undialable'],
  ['timed out', 'noAnswer'],
  // @libp2p/tcp leaves "due to timeout" out when no connection comes: here one had come, and nothing after it.
  ['The operation was aborted due to timeout', 'mute'],
  ['The operation was aborted', 'noAnswer']
]

/** What an error of a dial or of a session's end means. */
export function troubleOf (err: unknown): Trouble {
  const seen = err instanceof Error ? err.message.split('\n')[0] ?? '' : ''
  const kind = kindOf(err)
  if (kind !== undefined) return { kind, seen }
  if (err instanceof AggregateError && err.errors.length > 0) return troubleOf(err.errors[0])
  const sign = SIGNS.find(([text]) => seen.includes(text))
  return { kind: sign?.[1] ?? 'other', seen }
}

function kindOf (err: unknown): TroubleKind | undefined {
  if (err === undefined) return 'lost'
  if (!isModelswarmError(err)) return undefined
  switch (err.code) {
    case 'ERR_VERSION': return 'otherVersion'
    case 'ERR_NOT_HELD': return 'unknownRoot'
    case 'ERR_BAD_BLOCK': return 'wrongBytes'
    case 'ERR_PROTOCOL': case 'ERR_BAD_FRAME': case 'ERR_FLOOD': case 'ERR_BAD_RECORD': return 'brokeProtocol'
    case 'ERR_PEER_LOST': return err.details.received === FULL ? 'full' : err.details.received === SILENT ? 'noAnswer' : 'lost'
    default: return undefined
  }
}

/** What an ERR_PEER_LOST carries in `received` when the peer has no room for us, and when it says nothing at all. */
export const FULL = 'full'
export const SILENT = 'silent'
