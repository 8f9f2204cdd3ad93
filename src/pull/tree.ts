import { ModelswarmError } from '../errors.ts'
import { resolveManifest } from '../model/resolve.ts'
import type { PullWatch } from './watch.ts'
import type { Hash } from '../model/block-id.ts'
import type { Manifest } from '../model/manifest.ts'
import type { TreeNode, TreeNodes } from '../store/tree-nodes.ts'
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
      const keeping = new Keeping(store.nodes)
      const fetching = swarm.treeFetch.fetch(missing, (cid, bytes) => {
        watch.alive()
        keeping.add({ cid, bytes })
      })
      await Promise.race([fetching, keeping.failed])
      await keeping.end()
      return cids.map(cid => {
        const bytes = store.nodes.getNode(cid)
        if (bytes === undefined) throw new ModelswarmError('ERR_STATE_DAMAGED', `Node ${cid} was stored and is gone`)
        return bytes
      })
    }
  })
}

/** Stores nodes as they come, so that a pull that ends before the last of a batch goes on from there. */
class Keeping {
  /** Never resolves. */
  readonly failed: Promise<never>
  readonly #reject: (err: unknown) => void
  readonly #nodes: Pick<TreeNodes, 'putNodes'>
  #waiting: TreeNode[] = []
  #underWay: Promise<void> | undefined

  constructor (nodes: Pick<TreeNodes, 'putNodes'>) {
    this.#nodes = nodes
    const { promise, reject } = Promise.withResolvers<never>()
    this.failed = promise
    this.#reject = reject
    promise.catch(() => { /* whoever races it sees it; nobody may be racing any more */ })
  }

  /** What comes while others are written is written after them, together. */
  add (node: TreeNode): void {
    this.#waiting.push(node)
    this.#underWay ??= this.#write().catch(this.#reject)
  }

  /** Resolves when all are stored. */
  async end (): Promise<void> {
    await Promise.race([this.failed, this.#underWay])
  }

  async #write (): Promise<void> {
    while (this.#waiting.length > 0) await this.#nodes.putNodes(this.#waiting.splice(0))
    this.#underWay = undefined
  }
}
