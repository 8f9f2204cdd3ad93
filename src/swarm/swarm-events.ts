import type { Session } from './session.ts'

/** What the swarm tells its owner (a recipe in publish.ts, pull.ts). */
export interface SwarmEvents {
  onNote?: (message: string) => void
  /** A block that was thought held could not be read. */
  onUnreadable?: (block: number, err: unknown) => void
  /** A peer's signed records, for discovery. */
  onPeers?: (session: Session, records: readonly Uint8Array[]) => void
  onSession?: (session: Session) => void
  onSessionEnd?: (session: Session, err: Error | undefined) => void
}
