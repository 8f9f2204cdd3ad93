import { CHECKPOINT_BYTES, CHECKPOINT_INTERVAL_MS, RECORD_BYTES, RECORD_INTERVAL_MS } from '../defaults.ts'
import { Bitfield } from '../model/bitfield.ts'
import type { Target } from '../files/target-port.ts'
import type { Held } from '../store/held.ts'
import type { Clock } from '../swarm/ports.ts'

export interface PullRecordParts {
  store: { readonly held: Pick<Held, 'record' | 'checkpoint'> }
  target: Pick<Target, 'dir' | 'held' | 'sync' | 'files'>
  root: string
  clock: Clock
  onFailed: (err: unknown) => void
}

/**
 * Keeps the record of what a pull holds: what a killed process loses is at most RECORD_BYTES or what came in
 * RECORD_INTERVAL_MS; what a power cut makes us read again, what came since the last checkpoint (I2).
 */
export class PullRecord {
  readonly #parts: PullRecordParts
  #bytes = 0
  #recordedAt: number
  #checkpointBytes = 0
  #checkpointAt: number
  #underWay: Promise<void> | undefined

  constructor (parts: PullRecordParts) {
    this.#parts = parts
    this.#recordedAt = parts.clock.now()
    this.#checkpointAt = this.#recordedAt
  }

  /** The first record, so that the pull is known from now on. Waits for nothing. */
  begin (): void {
    this.#begin(false)
  }

  /** A block was written. Begins a record when one is due; never waits. */
  onStored (bytes: number): void {
    this.#bytes += bytes
    this.#checkpointBytes += bytes
    if (this.#underWay !== undefined) return
    const now = this.#parts.clock.now()
    const isCheckpoint = this.#checkpointBytes >= CHECKPOINT_BYTES || now - this.#checkpointAt >= CHECKPOINT_INTERVAL_MS
    if (!isCheckpoint && this.#bytes < RECORD_BYTES && now - this.#recordedAt < RECORD_INTERVAL_MS) return
    this.#begin(isCheckpoint)
  }

  /** The last record: after it nothing is under way. `synced` for a clean end, so that nothing is read again. */
  async end (): Promise<void> {
    await this.#underWay
    await this.#write(true)
  }

  #begin (isCheckpoint: boolean): void {
    this.#underWay = this.#write(isCheckpoint).catch(this.#parts.onFailed).finally(() => { this.#underWay = undefined })
  }

  async #write (isCheckpoint: boolean): Promise<void> {
    const { store, target, root, clock } = this.#parts
    this.#bytes = 0
    this.#recordedAt = clock.now()
    if (isCheckpoint) {
      this.#checkpointBytes = 0
      this.#checkpointAt = this.#recordedAt
    }
    const synced = isCheckpoint ? await target.sync() : undefined
    const held = Bitfield.fromBytes(target.held.toBytes(), target.held.length)
    const files = await target.files()
    if (synced === undefined) await store.held.record(root, target.dir, { held, files })
    else await store.held.checkpoint(root, target.dir, { held, files, synced })
  }
}
