import { CID } from 'multiformats/cid'
import { ModelswarmError } from '../errors.ts'
import { Bitfield } from '../model/bitfield.ts'
import { isBlock, verifyBlock } from '../model/verify.ts'
import { BlockStates } from '../schedule/block-states.ts'
import { Scheduler } from '../schedule/scheduler.ts'
import { readCopy } from '../serve.ts'
import { Downloader } from '../swarm/downloader.ts'
import type { Manifest } from '../model/manifest.ts'
import type { PullWatch } from '../pull/watch.ts'
import type { ServeParts } from '../serve.ts'
import type { SwarmParts } from '../swarm/ports.ts'
import type { Swarm } from '../swarm/swarm.ts'

export interface BlockFetchParts extends Pick<ServeParts, 'readers' | 'store'>, SwarmParts {
  /** Of this model, without content yet; its owner stops it. */
  swarm: Swarm
  /** Told of every block that came; when it fails, so does what is asked for here. */
  watch: Pick<PullWatch, 'alive' | 'fail' | 'failed'>
}

/**
 * Fetches single blocks of a model into memory: copies of this machine where there are some, else verified ones from
 * peers (I1), who are told that nothing else is wanted. Keeps what it has fetched: the caller bounds what it asks for.
 */
export class BlockFetch {
  /** Blocks asked for so far, and those of them that are here. */
  readonly wanted: Bitfield
  readonly held: Bitfield
  readonly #manifest: Manifest
  readonly #parts: BlockFetchParts
  readonly #blocks = new Map<number, PromiseWithResolvers<Uint8Array>>()
  readonly #scheduler: Scheduler
  readonly #downloader: Downloader

  constructor (manifest: Manifest, parts: BlockFetchParts) {
    const { swarm, hash, clock, random, watch } = parts
    this.#manifest = manifest
    this.#parts = parts
    this.wanted = new Bitfield(manifest.blockCount)
    this.held = new Bitfield(manifest.blockCount)
    const sizeOf = (block: number): number => manifest.sizeBytes(block)
    const states = new BlockStates(this.wanted, this.held, sizeOf)
    // A publisher's own time with its peers is not worth waiting for: this is little, and somebody looks on.
    this.#scheduler = new Scheduler({ states, sizeOf, maxBlockBytes: manifest.maxBlockBytes, random, spareGraceMs: 0 })
    this.#downloader = new Downloader({
      scheduler: this.#scheduler,
      clock,
      keep: async (block, bytes, sourceId) => {
        await verifyBlock(manifest, block, bytes, { hash, sourceId })
        this.#keep(block, bytes)
      },
      sessionOf: peerId => swarm.sessions.get(peerId),
      onStored: (block, session) => {
        watch.alive()
        // The receipt for who sent it, without which little would follow. Nobody else is told: it is gone soon.
        session.announce([block])
      },
      onBadBlock: (session, err) => { swarm.onBadBlock(session, err) },
      onFatal: watch.fail,
      onComplete: () => {}
    })
  }

  /** Begins to take blocks from the peers of the swarm. */
  start (): void {
    const { swarm, store } = this.#parts
    const unwanted = new Bitfield(this.#manifest.blockCount)
    unwanted.fill()
    swarm.setContent(this.#manifest, new Bitfield(this.#manifest.blockCount), {
      getNode: cid => store.nodes.getNode(CID.decode(cid)),
      read: async block => { throw new ModelswarmError('ERR_NOT_HELD', `Block ${block} is not kept here`) }
    }, { unwanted })
    swarm.startPulling(this.#downloader)
  }

  /** The bytes of a block: read them, never change them. Rejects with what the watch fails with. */
  async fetch (block: number): Promise<Uint8Array> {
    let fetching = this.#blocks.get(block)
    if (fetching === undefined) {
      fetching = Promise.withResolvers<Uint8Array>()
      this.#blocks.set(block, fetching)
      this.wanted.add(block)
      this.#begin(block).catch(fetching.reject)
    }
    return await Promise.race([fetching.promise, this.#parts.watch.failed])
  }

  async #begin (block: number): Promise<void> {
    const copy = await readCopy(this.#manifest, block, {
      ...this.#parts,
      isGood: async bytes => await isBlock(this.#manifest, block, bytes, this.#parts)
    })
    if (copy !== undefined) return this.#keep(block, copy)
    this.#scheduler.want(block)
    this.#downloader.plan()
  }

  #keep (block: number, bytes: Uint8Array): void {
    this.held.add(block)
    this.#blocks.get(block)?.resolve(bytes)
  }
}
