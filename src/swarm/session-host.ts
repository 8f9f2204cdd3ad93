import type { Arrival } from '../schedule/ledger.ts'
import type { Session } from './session.ts'
import type { BlockMessage, HaveMessage, RejectMessage, RequestMessage } from '../wire/messages.ts'

/** What a session tells the swarm it belongs to. */
export interface SessionHost {
  /** Their tree state or holdings became known, or more of either. */
  onHoldings: (session: Session) => void
  onHave: (session: Session, have: HaveMessage) => void
  onMode: (session: Session, given: number) => void
  /** `modes`: how many of our Modes they had read. */
  onWant: (session: Session, upTo: number, modes: number) => void
  onRequest: (session: Session, request: RequestMessage) => void
  onCancel: (session: Session, indexes: readonly number[]) => void
  onReject: (session: Session, reject: RejectMessage) => void
  /** The header of a block: whether its payload is wanted. */
  onBlockStart: (session: Session, block: BlockMessage) => Arrival
  onBlock: (session: Session, block: BlockMessage, payload: Uint8Array) => void
  /** Bytes came on the data stream, whole frames or not. */
  onBytes: (session: Session, bytes: number) => void
  onPeers: (session: Session, records: readonly Uint8Array[]) => void
  onRoundTrip: (session: Session, ms: number) => void
  /** The data stream can take more. */
  onWritable: (session: Session) => void
  /** Why the peer ends the session; may come after onEnd. */
  onBye: (session: Session, reason: number) => void
  /** Called once. */
  onEnd: (session: Session, err: Error | undefined) => void
}
