import { CID } from 'multiformats/cid'
import { GIVE_UP_SECONDS, SPARE_DISK_BYTES } from './defaults.ts'
import { ModelswarmError } from './errors.ts'
import { checkSpace } from './files/disk-space.ts'
import { openTarget } from './files/target.ts'
import { Bitfield } from './model/bitfield.ts'
import { complete } from './pull/complete.ts'
import { copyLocal } from './pull/copy.ts'
import { download } from './pull/download.ts'
import { gaveUp } from './pull/gave-up.ts'
import { PullRecord } from './pull/record.ts'
import { PullStats } from './pull/stats.ts'
import { fetchTree } from './pull/tree.ts'
import { WaitNotes } from './pull/waiting.ts'
import { PullWatch } from './pull/watch.ts'
import { isBlock } from './model/verify.ts'
import type { PulledModel, PullOptions } from './api.ts'
import type { PullDone, PullEvent } from './events.ts'
import type { Target } from './files/open-target.ts'
import type { Link } from './model/link.ts'
import type { DownloadParts } from './pull/download.ts'
import type { PullState } from './pull/sources.ts'
import type { Manifest } from './model/manifest.ts'
import type { ServeParts } from './serve.ts'
import type { BlockAccess, SwarmParts } from './swarm/ports.ts'
import type { Search } from './swarm/search.ts'
import type { Swarm } from './swarm/swarm.ts'

// pull   link > find peers > tree > local copies > schedule > sources > verify > write in place > done, keep serving

export interface PullParts extends ServeParts, SwarmParts {
  swarm: Swarm
  search: Search
  addrs: readonly string[]
  startWriter: DownloadParts['startWriter']
  /** Which paths inside the model are wanted. */
  include: (path: string) => boolean
}

/**
 * Pulls the model of a link into a folder. The swarm serves what is there from the first block on.
 *
 * @throws ModelswarmError ERR_GAVE_UP, ERR_TARGET_DIFFERS, ERR_TARGET_BUSY, ERR_NO_SPACE, ERR_DISK, ERR_BAD_TREE and
 *   its kin, ERR_INCLUDE_EMPTY; the signal's reason when aborted. What has been written stays and is used by the next
 *   pull.
 */
export async function pull (link: Link, dir: string, parts: PullParts, options: PullOptions): Promise<PulledModel> {
  const { swarm, search, clock } = parts
  const root = link.root.toString()
  const stats = new PullStats(clock)
  let target: Target | undefined
  /** Nobody is waited for. */
  let isCopying = false
  const emit = options.onProgress ?? (() => {})
  const tell = (): void => { if (target !== undefined) emit(progressOf(root, target, stats, swarm)) }
  const giveUpSeconds = options.giveUpSeconds ?? GIVE_UP_SECONDS
  const note = (message: string): void => { emit({ type: 'note', root, message }) }
  swarm.events.onNote = note
  const state = (): PullState => ({ swarm, search, target })
  const waitNotes = new WaitNotes({ state, giveUpMs: giveUpSeconds * 1000, note })
  const watch = new PullWatch({
    clock,
    giveUpMs: giveUpSeconds * 1000,
    gaveUp: () => gaveUp(giveUpSeconds, state()),
    onLook: quietMs => {
      tell()
      if (!isCopying) waitNotes.onLook(quietMs)
    },
    signal: options.signal
  })
  let record: PullRecord | undefined
  const noteIfAlone = (): void => {
    if (search.tried === 0) note('No address of a peer is known yet: waiting to be found, or give one with --peer')
  }
  try {
    emit({ type: 'started', root, addrs: parts.addrs })
    const isTreeHere = parts.store.nodes.hasNode(link.root)
    if (!isTreeHere) noteIfAlone()
    const manifest = await Promise.race([watch.failed, fetchTree(link.root, { ...parts, watch }, options.signal)])
    emit(resolved(manifest, parts.include))
    target = await openTarget(dir, manifest, {
      include: parts.include,
      force: options.force ?? false,
      ...(options.signal !== undefined && { signal: options.signal })
    })
    await prepare(target, manifest, { parts, watch, stats, root, signal: options.signal })
    record = new PullRecord({ store: parts.store, target, root, clock, onFailed: watch.fail })
    record.begin()
    const access: BlockAccess = {
      read: target.read.bind(target),
      getNode: cid => parts.store.nodes.getNode(CID.decode(cid)),
      recheck: recheckOf(target, manifest, { parts, watch })
    }
    // A swarm that serves everything already goes on to do so, from where it lies.
    if (swarm.held === undefined) {
      swarm.setContent(manifest, copyOf(target.held), access, { unwanted: unwantedOf(target) })
    }
    isCopying = true
    await Promise.race([watch.failed, copyLocal(target, manifest, {
      ...parts, stats, record, watch, note, signal: options.signal
    })])
    isCopying = false
    if (isTreeHere && target.held.count < target.wanted.count) noteIfAlone()
    await download(target, manifest, { ...parts, stats, record, watch })
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
    const files = model.files.filter(({ path }) => parts.include(path))
      .map(({ path, identity }) => ({ path, bytes: identity.sizeBytes }))
    // Of its own: whoever has the event may keep it or change it.
    return { ...facts, from: { ...done.from }, dir: target.dir, files }
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

/** @throws ModelswarmError ERR_INCLUDE_EMPTY */
function resolved (manifest: Manifest, include: PullParts['include']): PullEvent {
  const wanted = manifest.files.filter(({ path }) => include(path))
  if (wanted.length === 0 && manifest.files.length > 0) {
    throw new ModelswarmError('ERR_INCLUDE_EMPTY', `None of the ${manifest.files.length} files matches what is to be included; ` +
      `the first is ${manifest.files[0]?.path ?? ''}`)
  }
  return {
    type: 'resolved',
    root: manifest.root.toString(),
    files: manifest.files.length,
    bytes: manifest.totalBytes,
    blocks: manifest.blockCount,
    wantedFiles: wanted.length,
    wantedBytes: wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  }
}

/** Looks at what the target holds already, and whether the rest has room. */
async function prepare (target: Target, manifest: Manifest, step: {
  parts: PullParts, watch: PullWatch, stats: PullStats, root: string, signal: AbortSignal | undefined
}): Promise<void> {
  const { parts, watch, stats, root, signal } = step
  await target.verifyExisting({
    check: async (block, bytes) => await isBlock(manifest, block, bytes, parts),
    record: parts.store.held.load(root, target.dir, manifest.blockCount),
    onProgress: ({ bytes, goodBytes }) => {
      stats.check = { bytes, goodBytes }
      watch.alive()
    },
    signal
  })
  stats.check = undefined
  stats.held = target.heldBytes
  await checkSpace(target.dir, target.totalBytes - target.heldBytes, SPARE_DISK_BYTES)
}

/** What the target gives is hashed again; if it is wrong somebody else wrote to the file, and the pull ends. */
function recheckOf (
  target: Target, manifest: Manifest, { parts, watch }: { parts: PullParts, watch: PullWatch }
): (block: number) => Promise<boolean> {
  return async block => {
    if (await isBlock(manifest, block, await target.read(block), parts)) return true
    target.lose(block)
    watch.fail(new ModelswarmError('ERR_FILE_CHANGED',
      `Cannot go on in ${target.dir}: ${manifest.firstPlace(block).file.path} changed after it was written; ` +
      'check the disk and what else writes there, and pull again', { path: target.dir }))
    return false
  }
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
    heldBytes: target.heldBytes,
    total: target.totalBytes,
    peers: sessions.length,
    seeders: sessions.filter(session => session.their.holdings?.isFull === true).length,
    sentBytes: swarm.sentBytes
  })
}
