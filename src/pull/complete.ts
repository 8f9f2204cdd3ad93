import { isStill } from '../files/file-identity.ts'
import { nameOf } from '../files/paths.ts'
import { INDEX_BATCH_BLOCKS, SMALL_FILES_AT_ONCE } from '../machine-defaults.ts'
import { recordAccess } from '../serve.ts'
import type { FinishedFile, Target } from '../files/open-target.ts'
import type { Link } from '../model/link.ts'
import type { Manifest } from '../model/manifest.ts'
import type { ServeParts } from '../serve.ts'
import type { ModelRecord, ModelRecordFile } from '../store/models.ts'
import type { Swarm } from '../swarm/swarm.ts'

export interface CompleteParts extends ServeParts {
  swarm: Swarm
}

/** All files get their names, and go into the index; from then on the model is served from them. */
export async function complete (target: Target, manifest: Manifest, { parts, link, root }: {
  parts: CompleteParts, link: Link, root: string
}): Promise<ModelRecord> {
  const finished = await target.finish()
  for (const some of groupsOf(finished)) {
    // Together they share commits, and the disk's syncs; all of them end before a failure is told.
    const outcomes = await Promise.allSettled(some.map(async ({ file, absolute, identity }) => {
      const { digests, sizes } = manifest.blocksOf(file)
      await parts.store.places.replaceFile({ path: absolute, identity, leaf: file.leaf }, digests, sizes)
    }))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }
  const files = finished.map(({ file, absolute, identity }) => ({ path: file.path, absolute, identity }))
  const earlier = await earlierFiles(root, target.dir, { parts, files })
  files.push(...earlier)
  const model: ModelRecord = {
    root,
    name: link.name ?? nameOf(target.dir),
    path: target.dir,
    origin: 'pulled',
    totalBytes: manifest.totalBytes,
    blockCount: manifest.blockCount,
    distinctBytes: manifest.distinctBytes,
    heldBytes: files.reduce((sum, { identity }) => sum + identity.sizeBytes, 0),
    files,
    createdAtMs: Date.now()
  }
  await parts.store.models.put(model)
  // From now on the model is served from its files, not through the target, which is about to close.
  parts.swarm.serveFrom(recordAccess(manifest, [model], parts))
  for (const block of blocksIn(manifest, earlier)) {
    if (parts.swarm.held?.has(block) === false) parts.swarm.announce(block)
  }
  return model
}

/** Files that an earlier pull of the same root, of other files, completed in the same folder, and that are still so. */
async function earlierFiles (root: string, dir: string, { parts, files }: {
  parts: CompleteParts, files: readonly ModelRecordFile[]
}): Promise<ModelRecordFile[]> {
  const now = new Set(files.map(file => file.path))
  const kept: ModelRecordFile[] = []
  for (const file of parts.store.models.get(root).find(record => record.path === dir)?.files ?? []) {
    if (!now.has(file.path) && await isStill(file.absolute, file.identity)) kept.push(file)
  }
  return kept
}

function * blocksIn (manifest: Manifest, files: readonly ModelRecordFile[]): Generator<number> {
  const paths = new Set(files.map(({ path }) => path))
  for (const file of paths.size === 0 ? [] : manifest.files) {
    if (!paths.has(file.path)) continue
    for (let slot = file.firstSlot; slot < file.firstSlot + file.slotCount; slot++) yield manifest.blockOfSlot(slot)
  }
}

/** Files that have few blocks between them, by turns; what has more alone. */
function * groupsOf (files: readonly FinishedFile[]): Generator<FinishedFile[]> {
  let some: FinishedFile[] = []
  let blocks = 0
  for (const one of files) {
    if (some.length === SMALL_FILES_AT_ONCE || (some.length > 0 && blocks + one.file.slotCount > INDEX_BATCH_BLOCKS)) {
      yield some
      some = []
      blocks = 0
    }
    some.push(one)
    blocks += one.file.slotCount
  }
  if (some.length > 0) yield some
}
