import { WRITE_WORKER_FROM_BYTES } from '../machine-defaults.ts'
import { BlockStates } from '../schedule/block-states.ts'
import { Scheduler } from '../schedule/scheduler.ts'
import { Downloader } from '../swarm/downloader.ts'
import { Mode } from '../wire/protocol.ts'
import { BlockKeeper } from './keep.ts'
import type { PullRecord } from './record.ts'
import type { PullStats } from './stats.ts'
import type { PullWatch } from './watch.ts'
import type { BlockWriter } from '../files/block-writer.ts'
import type { Target } from '../files/open-target.ts'
import type { Manifest } from '../model/manifest.ts'
import type { SwarmParts } from '../swarm/ports.ts'
import type { Session } from '../swarm/session.ts'
import type { Swarm } from '../swarm/swarm.ts'

export interface DownloadParts extends SwarmParts {
  swarm: Swarm
  stats: PullStats
  record: PullRecord
  watch: PullWatch
  /** Starts a thread that verifies and writes; ended with the pull. */
  startWriter: () => BlockWriter
}

/**
 * Fetches the blocks that are wanted and not held from the peers of the swarm, until none is missing. Rejects with what
 * the watch fails with.
 */
export async function download (target: Target, manifest: Manifest, parts: DownloadParts): Promise<void> {
  const { swarm, hash, clock, random, stats, record, watch, startWriter } = parts
  const sizeOf = (block: number): number => manifest.sizeBytes(block)
  const states = new BlockStates(target.wanted, target.held, sizeOf)
  if (states.isComplete) return
  const scheduler = new Scheduler({ states, sizeOf, maxBlockBytes: manifest.maxBlockBytes, random })
  const complete = Promise.withResolvers<void>()
  const writer = states.missingBytes >= WRITE_WORKER_FROM_BYTES ? startWriter() : undefined
  const keeper = new BlockKeeper({ target, manifest, hash, writer })
  const onStored = (block: number, session: Session): void => {
    const size = sizeOf(block)
    stats.from.peers += size
    stats.from.local += target.fileBytes(block) - size
    if (session.their.mode !== Mode.open) stats.fromPublisher += size
    watch.alive()
    swarm.announce(block)
    record.onStored(size)
  }
  const downloader = new Downloader({
    scheduler,
    clock,
    keep: keeper.keep.bind(keeper),
    sessionOf: peerId => swarm.sessions.get(peerId),
    onStored,
    onBadBlock: (session, err) => { swarm.onBadBlock(session, err) },
    onFatal: watch.fail,
    onComplete: complete.resolve
  })
  try {
    swarm.startPulling(downloader)
    await Promise.race([complete.promise, watch.failed])
  } finally {
    swarm.stopPulling()
    await writer?.end()
  }
}
