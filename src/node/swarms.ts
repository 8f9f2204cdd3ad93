import { CID } from 'multiformats/cid'
import { ModelswarmError } from '../errors.ts'
import { heldBlocks, knownManifest, recordAccess } from '../serve.ts'
import type { ServeParts } from '../serve.ts'
import type { Discovery } from '../swarm/discovery.ts'
import type { Swarm } from '../swarm/swarm.ts'

export interface NodeSwarmsParts extends ServeParts {
  newSwarm: (root: CID) => Swarm
  discovery: Discovery
}

/** The swarms of a node by root: those that were opened, and on demand those of models in the state folder. */
export class NodeSwarms {
  readonly #swarms = new Map<string, Swarm>()
  readonly #parts: NodeSwarmsParts
  readonly #loading = new Set<Promise<void>>()
  readonly #pulling = new Set<string>()
  /** Payload sent by swarms that are no more. */
  #sentBefore = 0

  constructor (parts: NodeSwarmsParts) {
    this.#parts = parts
  }

  /** Payload of blocks and tree handed to sockets so far. */
  get sentBytes (): number {
    let sum = this.#sentBefore
    for (const swarm of this.#swarms.values()) sum += swarm.sentBytes
    return sum
  }

  get (root: CID): Swarm | undefined {
    return this.#swarms.get(root.toString())
  }

  /** Every root that can be asked for here. */
  * roots (): Generator<CID> {
    for (const swarm of this.#swarms.values()) yield swarm.root
    for (const record of this.#parts.store.models.list()) {
      if (!this.#swarms.has(record.root)) yield CID.parse(record.root)
    }
  }

  /**
   * The swarm of a root; opened from the state folder when nobody has asked for it before. It can say hello at once:
   * its tree, which takes a second for a million blocks, is read meanwhile.
   */
  async swarmOf (root: CID): Promise<Swarm | undefined> {
    const known = this.get(root)
    if (known !== undefined) return known
    if (!this.#parts.store.nodes.hasNode(root)) return undefined
    const swarm = this.#parts.newSwarm(root)
    this.#swarms.set(root.toString(), swarm)
    const loading = this.#load(swarm).catch(async (err: unknown) => {
      swarm.events.onNote?.(`Cannot serve ${root}: ${err instanceof Error ? err.message : 'its tree cannot be read'}`)
      await this.#drop(swarm)
    }).finally(() => { this.#loading.delete(loading) })
    this.#loading.add(loading)
    return swarm
  }

  /** A new swarm takes the place of the one there is, whose sessions end. */
  async replace (root: CID, prepare: (swarm: Swarm) => void): Promise<Swarm> {
    const older = this.get(root)
    const swarm = this.#parts.newSwarm(root)
    prepare(swarm)
    this.#swarms.set(root.toString(), swarm)
    if (older !== undefined) await this.#retire(older)
    return swarm
  }

  /**
   * The swarm that a pull works in; `endPull` must be called.
   *
   * @throws ModelswarmError ERR_TARGET_BUSY when this node pulls the same root already
   */
  async beginPull (root: CID): Promise<Swarm> {
    const key = root.toString()
    if (this.#pulling.has(key)) {
      throw new ModelswarmError('ERR_TARGET_BUSY', `This node is pulling ${key} already; wait until it is done`,
        { blockId: key })
    }
    this.#pulling.add(key)
    const known = this.#swarms.get(key)
    // A swarm that serves everything goes on: the pull then is a copy on this machine.
    if (known?.held?.isFull === true) return known
    return await this.replace(root, () => {})
  }

  /**
   * A complete model goes on being served, but looks for nobody; what a failed pull left is not served from its
   * target.
   */
  async endPull (swarm: Swarm, isComplete: boolean): Promise<void> {
    this.#pulling.delete(swarm.root.toString())
    this.#parts.discovery.stopSearch(swarm)
    if (isComplete || swarm.held?.isFull === true) return
    await this.#drop(swarm)
  }

  async stop (): Promise<void> {
    await Promise.all([...this.#swarms.values()].map(async swarm => { await swarm.stop() }))
    await Promise.all(this.#loading)
  }

  async #retire (swarm: Swarm): Promise<void> {
    this.#parts.discovery.stopSearch(swarm)
    await swarm.stop()
    this.#sentBefore += swarm.sentBytes
  }

  async #drop (swarm: Swarm): Promise<void> {
    if (this.get(swarm.root) === swarm) this.#swarms.delete(swarm.root.toString())
    await this.#retire(swarm)
  }

  async #load (swarm: Swarm): Promise<void> {
    const parts = this.#parts
    const records = parts.store.models.get(swarm.root.toString())
    const manifest = await knownManifest(swarm.root, parts)
    if (manifest === undefined) return await this.#drop(swarm)
    const held = await heldBlocks(manifest, records)
    // A pull or a publication may have taken its place meanwhile.
    if (this.get(swarm.root) === swarm) swarm.setContent(manifest, held, recordAccess(manifest, records, parts))
  }
}
