import { ModelswarmError } from '../errors.ts'
import { resolveManifest } from '../model/resolve.ts'
import type { PullWatch } from './watch.ts'
import type { Hash } from '../model/block-id.ts'
import type { Manifest } from '../model/manifest.ts'
import type { TreeNodes } from '../store/tree-nodes.ts'
import type { Swarm } from '../swarm/swarm.ts'
import type { CID } from 'multiformats/cid'

export interface FetchTreeParts {
  store: { readonly nodes: Pick<TreeNodes, 'hasNode' | 'getNode' | 'putNodes'> }
  hash: Hash
  swarm: Swarm
  /** Told of every node that came: a verified byte. */
  watch: Pick<PullWatch, 'alive'>
}

/**
 * The tree of a model: nodes that this machine has from its state folder, the others from peers, kept for next time.
 *
 * @throws ModelswarmError ERR_BAD_TREE and its kin; the signal's reason
 */
export async function fetchTree (root: CID, parts: FetchTreeParts, signal: AbortSignal | undefined): Promise<Manifest> {
  const { store, swarm, hash, watch } = parts
  return await resolveManifest(root, {
    hash,
    ...(signal !== undefined && { signal }),
    getNodes: async cids => {
      const missing = cids.filter(cid => !store.nodes.hasNode(cid))
      const fetched = await swarm.treeFetch.fetch(missing)
      watch.alive()
      await store.nodes.putNodes(missing.map((cid, i) => ({ cid, bytes: fetched[i] ?? new Uint8Array(0) })))
      return cids.map(cid => {
        const bytes = store.nodes.getNode(cid)
        if (bytes === undefined) throw new ModelswarmError('ERR_STATE_DAMAGED', `Node ${cid} was stored and is gone`)
        return bytes
      })
    }
  })
}
