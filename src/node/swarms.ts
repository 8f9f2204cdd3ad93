import { CID } from 'multiformats/cid'
import { RECORDS_LOOK_MS } from '../defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { heldBlocks, knownManifest, recordAccess } from '../serve.ts'
import type { ServeParts } from '../serve.ts'
import type { Discovery } from '../swarm/discovery.ts'
import type { Clock } from '../swarm/ports.ts'
import type { Swarm } from '../swarm/swarm.ts'

export interface NodeSwarmsParts extends ServeParts {
  newSwarm: (root: CID) => Swarm
  clock: Clock
  discovery: Pick<Discovery, 'stopSearch'>
}

/** The swarms of a node by root: those that were opened, and on demand those of models in the state folder. */
export class NodeSwarms {
  readonly #swarms = new Map<string, Swarm>()
  readonly #parts: NodeSwarmsParts
  readonly #loading = new Set<Promise<void>>()
  readonly #pulling = new Set<string>()
  /** What each swarm was told of the files of its model, and the revision of the records then. */
  readonly #told = new WeakMap<Swarm, string>()
  #revision: string
  #cancelLook: () => void = () => {}
  #isStopped = false
  /** Payload sent by swarms that are no more. */
  #sentBefore = 0

  constructor (parts: NodeSwarmsParts) {
    this.#parts = parts
    this.#revision = parts.store.models.revision
    this.#armLook()
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
    this.#told.set(swarm, this.#factsOf(swarm.root))
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
      throw new ModelswarmError('ERR_TARGET_BUSY', `This node is pulling ${key} already; wait until it is done, or pull ` +
        'into another folder with another node or process, which copies what is recorded here', { blockId: key })
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
    // What became of its files meanwhile was not followed: the next look does.
    this.#revision = ''
    this.#parts.discovery.stopSearch(swarm)
    if (isComplete) this.#told.set(swarm, this.#factsOf(swarm.root))
    if (isComplete || swarm.held?.isFull === true) return
    await this.#drop(swarm)
  }

  async stop (): Promise<void> {
    this.#isStopped = true
    this.#cancelLook()
    await Promise.all([...this.#swarms.values()].map(async swarm => { await swarm.stop() }))
    await Promise.all(this.#loading)
  }

  #armLook (): void {
    this.#cancelLook = this.#parts.clock.setTimer(RECORDS_LOOK_MS, () => {
      const looking = this.#followRecords().catch((err: unknown) => {
        this.#parts.onNote?.(`Cannot look at the models on this machine: ${err instanceof Error ? err.message : 'it failed'}`)
      }).finally(() => {
        this.#loading.delete(looking)
        if (!this.#isStopped) this.#armLook()
      })
      this.#loading.add(looking)
    })
  }

  /** What other processes found or did to the files of our models: rotten files are not offered, good ones again. */
  async #followRecords (): Promise<void> {
    const { revision } = this.#parts.store.models
    if (revision === this.#revision) return
    this.#revision = revision
    for (const [root, swarm] of this.#swarms) {
      const records = this.#parts.store.models.get(root)
      const facts = this.#factsOf(swarm.root)
      if (swarm.manifest === undefined || records.length === 0 || this.#told.get(swarm) === facts) continue
      const held = await heldBlocks(swarm.manifest, records, this.#parts)
      if (this.#swarms.get(root) !== swarm || this.#pulling.has(root)) continue
      this.#told.set(swarm, facts)
      swarm.setHeld(held)
    }
  }

  /** Which files of a model are believed, and as what: changes when `verify` or a pull finds something new. */
  #factsOf (root: CID): string {
    const files = this.#parts.store.models.get(root.toString()).flatMap(record => record.files)
    return files.map(({ absolute, identity }) => [absolute, ...Object.values(identity)].join()).join('\n')
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
    const facts = this.#factsOf(swarm.root)
    const held = await heldBlocks(manifest, records, parts)
    // A pull or a publication may have taken its place meanwhile.
    if (this.get(swarm.root) !== swarm) return
    this.#told.set(swarm, facts)
    swarm.setContent(manifest, held, recordAccess(manifest, records, parts))
  }
}
