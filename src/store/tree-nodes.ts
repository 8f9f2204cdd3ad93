import { NODES_PER_TRANSACTION } from '../machine-defaults.ts'
import type { CID } from 'multiformats/cid'
import type { StateDatabase, Table } from './database.ts'

export interface TreeNode {
  readonly cid: CID
  readonly bytes: Uint8Array
}

/**
 * The tree nodes (dag-pb, and raw blocks that are roots) of all models known here, by CID. Verified by whoever puts
 * them.
 */
export class TreeNodes {
  readonly #database: StateDatabase
  readonly #table: Table

  constructor (database: StateDatabase) {
    this.#database = database
    this.#table = database.table('nodes')
  }

  /** A copy of the node's bytes; undefined when it is not here. */
  getNode (cid: CID): Uint8Array | undefined {
    return this.#table.get(cid.bytes)
  }

  hasNode (cid: CID): boolean {
    return this.#table.doesExist(cid.bytes)
  }

  /** Resolves when they are committed. Hand the bytes over: they are kept until then. */
  async putNodes (nodes: Iterable<TreeNode> | AsyncIterable<TreeNode>): Promise<void> {
    let batch: TreeNode[] = []
    for await (const node of nodes) {
      batch.push(node)
      if (batch.length < NODES_PER_TRANSACTION) continue
      await this.#put(batch)
      batch = []
    }
    await this.#put(batch)
  }

  async #put (nodes: readonly TreeNode[]): Promise<void> {
    if (nodes.length === 0) return
    await this.#database.together(() => { for (const { cid, bytes } of nodes) this.#table.put(cid.bytes, bytes) })
  }
}
