import { nameOf } from '../files/paths.ts'
import { recordAccess } from '../serve.ts'
import type { Target } from '../files/open-target.ts'
import type { Link } from '../model/link.ts'
import type { Manifest } from '../model/manifest.ts'
import type { ServeParts } from '../serve.ts'
import type { ModelRecord } from '../store/models.ts'
import type { Swarm } from '../swarm/swarm.ts'

export interface CompleteParts extends ServeParts {
  swarm: Swarm
}

/** All files get their names, and go into the index; from then on the model is served from them. */
export async function complete (target: Target, manifest: Manifest, { parts, link, root }: {
  parts: CompleteParts, link: Link, root: string
}): Promise<ModelRecord> {
  const finished = await target.finish()
  for (const { file, absolute, identity } of finished) {
    const { digests, sizes } = manifest.blocksOf(file)
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
