import { CID } from 'multiformats/cid'
import { whereBegun } from '../files/begun-file.ts'
import { nameOf } from '../files/paths.ts'
import { knownManifest } from '../serve.ts'
import type { ModelSummary } from '../api.ts'
import type { Hash } from '../model/block-id.ts'
import type { Store } from '../store/open-store.ts'

/**
 * Pulls that have begun and not ended: they run, also in another process, or were broken off. `heldBytes` as they
 * recorded it last, of files that are still there; nothing is read.
 */
export async function unfinishedPulls (parts: { store: Store, hash: Hash }): Promise<ModelSummary[]> {
  const { held, models } = parts.store
  const pulls: ModelSummary[] = []
  for (const { root, target } of held.list()) {
    if (models.get(root).some(({ path }) => path === target)) continue
    const manifest = await knownManifest(CID.parse(root), parts)
    const record = manifest === undefined ? undefined : held.load(root, target, manifest.blockCount)
    if (manifest === undefined || record === undefined) continue
    const files = new Map(manifest.files.map(file => [file.path, file]))
    let heldBytes = 0
    for (const recorded of record.files) {
      const file = files.get(recorded.path)
      if (file === undefined || await whereBegun(target, recorded) === undefined) continue
      for (let slot = file.firstSlot; slot < file.firstSlot + file.slotCount; slot++) {
        const block = manifest.blockOfSlot(slot)
        if (record.held.has(block)) heldBytes += manifest.sizeBytes(block)
      }
    }
    pulls.push({
      root, name: nameOf(target), path: target, bytes: manifest.totalBytes, heldBytes, origin: 'pulled', isUnfinished: true
    })
  }
  return pulls
}
