import { CID } from 'multiformats/cid'
import { GIVE_UP_SECONDS, SPARE_DISK_BYTES } from './defaults.ts'
import { ModelswarmError } from './errors.ts'
import { checkSpace } from './files/disk-space.ts'
import { nameOf } from './files/paths.ts'
import { openTarget } from './files/target.ts'
import { Bitfield } from './model/bitfield.ts'
import { DIGEST_BYTES } from './model/block-id.ts'
import { verifyBlock } from './model/verify.ts'
import { gaveUp } from './pull/gave-up.ts'
import { PullRecord } from './pull/record.ts'
import { PullStats } from './pull/stats.ts'
import { fetchTree } from './pull/tree.ts'
import { PullWatch } from './pull/watch.ts'
import { BlockStates } from './schedule/block-states.ts'
import { Scheduler } from './schedule/scheduler.ts'
import { readCopy, recordAccess } from './serve.ts'
import { Downloader } from './swarm/downloader.ts'
import { Mode } from './wire/protocol.ts'
import type { PulledModel, PullOptions } from './api.ts'
import type { PullDone } from './events.ts'
import type { Target } from './files/open-target.ts'
import type { Manifest } from './model/manifest.ts'
import type { Link } from './model/link.ts'
import type { ServeParts } from './serve.ts'
import type { ModelRecord } from './store/models.ts'
import type { Search } from './swarm/discovery.ts'
import type { BlockAccess, SwarmParts } from './swarm/ports.ts'
import type { Session } from './swarm/session.ts'
import type { Swarm } from './swarm/swarm.ts'

// pull   link > find peers > tree > local copies > schedule > sources > verify > write in place > done, keep serving

export interface PullParts extends ServeParts, SwarmParts {
  swarm: Swarm
  search: Search
  addrs: readonly string[]
  /** Which paths inside the model are wanted. */
  include: (path: string) => boolean
}

/**
 * Pulls the model of a link into a folder. The swarm serves what is there from the first block on.
 *
 * @throws ModelswarmError ERR_GAVE_UP, ERR_TARGET_DIFFERS, ERR_TARGET_BUSY, ERR_NO_SPACE, ERR_DISK, ERR_BAD_TREE and
 * its
 *   kin, ERR_INCLUDE_EMPTY; the signal's reason when aborted. What has been written stays and is used by the next pull.
 */
export async function pull (link: Link, dir: string, parts: PullParts, options: PullOptions): Promise<PulledModel> {
  const { swarm, search, clock } = parts
  const root = link.root.toString()
  const stats = new PullStats(clock)
  let target: Target | undefined
  const emit = options.onProgress ?? (() => {})
  const tell = (): void => { if (target !== undefined) emit(progressOf(root, target, stats, swarm)) }
  const giveUpSeconds = options.giveUpSeconds ?? GIVE_UP_SECONDS
  const watch = new PullWatch({
    clock,
    giveUpMs: giveUpSeconds * 1000,
    gaveUp: () => gaveUp(giveUpSeconds, { swarm, search, target }),
    onLook: tell,
    signal: options.signal
  })
  swarm.events.onNote = message => { emit({ type: 'note', root, message }) }
  let record: PullRecord | undefined
  try {
    emit({ type: 'started', root, addrs: parts.addrs })
    if (search.tried === 0) {
      emit({ type: 'note', root, message: 'No address of a peer is known yet: waiting to be found, or give one with --peer' })
    }
    const manifest = await Promise.race([watch.failed, fetchTree(link.root, { ...parts, watch }, options.signal)])
    emit({ type: 'resolved', root, files: manifest.files.length, bytes: manifest.totalBytes, blocks: manifest.blockCount })
    target = await openTarget(dir, manifest, {
      include: parts.include,
      force: options.force ?? false,
      ...(options.signal !== undefined && { signal: options.signal })
    })
    if (target.totalBytes === 0 && manifest.totalBytes > 0) {
      throw new ModelswarmError('ERR_INCLUDE_EMPTY', `None of the ${manifest.files.length} files matches --include; ` +
        `the first is ${manifest.files[0]?.path ?? ''}`)
    }
    await prepare(target, manifest, { parts, watch, stats, root, signal: options.signal })
    record = new PullRecord({ store: parts.store, target, root, clock, onFailed: watch.fail })
    const access: BlockAccess = {
      read: target.read.bind(target),
      getNode: cid => parts.store.nodes.getNode(CID.decode(cid))
    }
    // A swarm that serves everything already goes on to do so, from where it lies.
    if (swarm.held === undefined) {
      swarm.setContent(manifest, copyOf(target.held), access, { unwanted: unwantedOf(target) })
    }
    await Promise.race([watch.failed, copyLocal(target, manifest, { parts, stats, record, watch })])
    await Promise.race([watch.failed, download(target, manifest, { parts, stats, record, watch })])
    const model = await complete(target, manifest, { parts, link, root })
    await record.end()
    await target.close()
    tell()
    const done: PullDone = {
      type: 'done',
      root,
      bytes: target.totalBytes,
      seconds: stats.seconds,
      held: stats.held,
      from: { ...stats.from },
      fromPublisher: stats.fromPublisher,
      wireBytes: swarm.receivedBytes
    }
    emit(done)
    const { type, ...facts } = done
    const files = model.files.map(file => ({ path: file.path, bytes: file.identity.sizeBytes }))
    return { ...facts, dir: target.dir, files }
  } catch (err) {
    swarm.stopPulling()
    // What is here is recorded, so that the next pull goes on from it; the first failure is the one to tell.
    await record?.end().catch(() => {})
    await target?.close().catch(() => {})
    throw err
  } finally {
    watch.stop()
  }
}

interface Step {
  parts: PullParts
  stats: PullStats
  record: PullRecord
  watch: PullWatch
}

/** Looks at what the target holds already, and whether the rest has room. */
async function prepare (target: Target, manifest: Manifest, step: {
  parts: PullParts, watch: PullWatch, stats: PullStats, root: string, signal: AbortSignal | undefined
}): Promise<void> {
  const { parts, watch, stats, root, signal } = step
  await target.verifyExisting({
    check: async (block, bytes) => await isBlock(manifest, block, bytes, parts),
    record: parts.store.held.load(root, target.dir, manifest.blockCount),
    onProgress: () => { watch.alive() },
    signal
  })
  stats.held = target.heldBytes
  await checkSpace(target.dir, target.totalBytes - target.heldBytes + SPARE_DISK_BYTES)
}

async function isBlock (manifest: Manifest, block: number, bytes: Uint8Array, { hash }: ServeParts): Promise<boolean> {
  try {
    await verifyBlock(manifest, block, bytes, { hash })
    return true
  } catch (err) {
    if (err instanceof ModelswarmError && err.code === 'ERR_BAD_BLOCK') return false
    throw err
  }
}

/** Blocks that lie in any indexed file of this machine are copied, never fetched. */
async function copyLocal (target: Target, manifest: Manifest, { parts, stats, record, watch }: Step): Promise<void> {
  for (const block of target.wanted.indexes()) {
    if (target.held.has(block)) continue
    const bytes = await readCopy(manifest, block, parts)
    if (bytes === undefined || !await isBlock(manifest, block, bytes, parts)) continue
    if (!await target.write(block, bytes)) continue
    stats.from.local += target.fileBytes(block)
    watch.alive()
    parts.swarm.announce(block)
    record.onStored(bytes.byteLength)
  }
}

async function download (target: Target, manifest: Manifest, { parts, stats, record, watch }: Step): Promise<void> {
  const { swarm, hash, clock, random } = parts
  const sizeOf = (block: number): number => manifest.sizeBytes(block)
  const states = new BlockStates(target.wanted, target.held, sizeOf)
  if (states.isComplete) return
  const scheduler = new Scheduler({ states, sizeOf, maxBlockBytes: manifest.maxBlockBytes, random })
  const complete = Promise.withResolvers<void>()
  const onStored = (block: number, session: Session): void => {
    const size = sizeOf(block)
    stats.from.peers += size
    stats.from.local += target.fileBytes(block) - size
    if (session.theirMode !== Mode.open) stats.fromPublisher += size
    watch.alive()
    swarm.announce(block)
    record.onStored(size)
  }
  const downloader = new Downloader({
    scheduler,
    clock,
    sizeOf,
    verify: async (block, bytes, sourceId) => { await verifyBlock(manifest, block, bytes, { hash, sourceId }) },
    write: async (block, bytes) => { await target.write(block, bytes) },
    sessionOf: peerId => swarm.sessions.get(peerId),
    onStored,
    onBadBlock: (session, err) => { swarm.onBadBlock(session, err) },
    onFatal: watch.fail,
    onComplete: complete.resolve
  })
  swarm.startPulling({ scheduler, downloader })
  await Promise.race([complete.promise, watch.failed])
  swarm.stopPulling()
}

/** All files get their names, and go into the index; from then on the model is served from them. */
async function complete (target: Target, manifest: Manifest, { parts, link, root }: {
  parts: PullParts, link: Link, root: string
}): Promise<ModelRecord> {
  const finished = await target.finish()
  for (const { file, absolute, identity } of finished) {
    const digests = new Uint8Array(file.slotCount * DIGEST_BYTES)
    const sizes: number[] = []
    for (let i = 0; i < file.slotCount; i++) {
      const block = manifest.blockOfSlot(file.firstSlot + i)
      digests.set(manifest.digest(block), i * DIGEST_BYTES)
      sizes.push(manifest.sizeBytes(block))
    }
    await parts.store.places.replaceFile({ path: absolute, identity, leaf: file.leaf }, digests, sizes)
  }
  const model: ModelRecord = {
    root,
    name: link.name ?? nameOf(target.dir),
    path: target.dir,
    origin: 'pulled',
    totalBytes: manifest.totalBytes,
    blockCount: manifest.blockCount,
    distinctBytes: manifest.distinctBytes,
    heldBytes: target.heldBytes,
    files: finished.map(({ file, absolute, identity }) => ({ path: file.path, absolute, identity })),
    createdAtMs: Date.now()
  }
  await parts.store.models.put(model)
  // From now on the model is served from its files, not through the target, which is about to close.
  parts.swarm.serveFrom(recordAccess(manifest, [model], parts))
  return model
}

function unwantedOf (target: Target): Bitfield | undefined {
  if (target.wanted.isFull) return undefined
  const unwanted = new Bitfield(target.wanted.length)
  for (let block = 0; block < unwanted.length; block++) if (!target.wanted.has(block)) unwanted.add(block)
  return unwanted
}

function copyOf (field: Bitfield): Bitfield {
  return Bitfield.fromBytes(field.toBytes(), field.length)
}

function progressOf (root: string, target: Target, stats: PullStats, swarm: Swarm): ReturnType<PullStats['progress']> {
  const sessions = [...swarm.sessions.values()]
  return stats.progress({
    root,
    bytes: target.heldBytes,
    total: target.totalBytes,
    peers: sessions.length,
    seeders: sessions.filter(session => session.theirHoldings?.isFull === true).length,
    receivedBytes: swarm.receivedBytes,
    sentBytes: swarm.sentBytes
  })
}
