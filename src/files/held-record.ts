import { KILL_SLACK_MS, REREAD_PART_BYTES } from '../machine-defaults.ts'
import { sameIdentity } from './file-identity.ts'
import type { Bitfield } from '../model/bitfield.ts'
import type { FileIdentity } from './file-identity.ts'

/** A file of a target as it was when what is held was recorded. */
export interface HeldFile {
  /** Inside the model. */
  readonly path: string
  /** Under its own name; else it is the part file that had this identity. */
  readonly complete: boolean
  readonly identity: FileIdentity
}

/** A file as it lies in the target now. */
export type FoundFile = Omit<HeldFile, 'path'>

/** What was recorded of one root in one target, and how far it can be believed. */
export interface HeldRecord {
  /** Every block recorded. */
  readonly held: Bitfield
  /** Of those, the ones whose bytes are on the disk for sure: all, or those of the last checkpoint after a restart. */
  readonly trusted: Bitfield
  /** The files that the record speaks of: exactly those the recording pull wanted and had begun. */
  readonly files: readonly HeldFile[]
  /** When it was written, in milliseconds since 1970. */
  readonly recordedAtMs: number
}

/**
 * Whether a file found in the target is still the one recorded, so that its trusted blocks need not be read again.
 * A complete file, and a part file not written to since: when its identity is the same. A part file that a killed pull
 * was writing to: when it is large, has the same inode and nobody changed it later than the kill. A file that was only
 * renamed since: likewise, whatever its size.
 */
export function isBelieved (recorded: HeldFile, found: FoundFile, recordedAtMs: number): boolean {
  if (sameIdentity(recorded.identity, found.identity)) return true
  if (recorded.complete || recorded.identity.inode !== found.identity.inode) return false
  if (recorded.identity.sizeBytes !== found.identity.sizeBytes) return false
  // Before the record: the clock was set back since, and says nothing about who wrote when.
  const isSince = found.identity.ctimeNs >= recorded.identity.ctimeNs
  if (!isSince || Number(found.identity.ctimeNs / 1_000_000n) > recordedAtMs + KILL_SLACK_MS) return false
  // Renamed to its final name after the record: the rename alone changes the ctime, and the bytes were synced before
  // it.
  if (found.complete && recorded.identity.mtimeNs === found.identity.mtimeNs) return true
  return found.identity.sizeBytes > REREAD_PART_BYTES
}
