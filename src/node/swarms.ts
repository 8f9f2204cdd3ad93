import { CID } from 'multiformats/cid'
import { heldBlocks, knownManifest, recordAccess } from '../serve.ts'
import type { NodeParts, OpenSwarms } from './open.ts'
import type { Swarm } from '../swarm/swarm.ts'

/** The swarms of a node by root: those that were opened, and on demand those of models in the state folder. */
export class NodeSwarms implements OpenSwarms {
  readonly #swarms: Map<string, Swarm>
  readonly #parts: NodeParts
  readonly #opening = new Map<string, Promise<Swarm | undefined>>()

  constructor (swarms: Map<string, Swarm>, parts: NodeParts) {
    this.#swarms = swarms
    this.#parts = parts
  }

  * roots (): Generator<CID> {
    for (const swarm of this.#swarms.values()) yield swarm.root
    for (const record of this.#parts.store.models.list()) {
      if (!this.#swarms.has(record.root)) yield CID.parse(record.root)
    }
  }

  async swarmOf (root: CID): Promise<Swarm | undefined> {
    const key = root.toString()
    const known = this.#swarms.get(key)
    if (known !== undefined) return known
    const opening = this.#opening.get(key) ?? this.#open(root).finally(() => { this.#opening.delete(key) })
    this.#opening.set(key, opening)
    return await opening
  }

  async #open (root: CID): Promise<Swarm | undefined> {
    const parts = this.#parts
    const records = parts.store.models.get(root.toString())
    const manifest = await knownManifest(root, parts)
    if (manifest === undefined) return undefined
    const held = await heldBlocks(manifest, records)
    const known = this.#swarms.get(root.toString())
    if (known !== undefined) return known
    const swarm = parts.newSwarm(root)
    swarm.setContent(manifest, held, recordAccess(manifest, records, parts))
    this.#swarms.set(root.toString(), swarm)
    return swarm
  }
}
