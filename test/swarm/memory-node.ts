import { CID } from 'multiformats/cid'
import { Bitfield } from '../../src/model/bitfield.ts'
import { resolveManifest } from '../../src/model/resolve.ts'
import { verifyBlock } from '../../src/model/verify.ts'
import { BlockStates } from '../../src/schedule/block-states.ts'
import { Scheduler } from '../../src/schedule/scheduler.ts'
import { Downloader } from '../../src/swarm/downloader.ts'
import { Reception } from '../../src/swarm/reception.ts'
import { Reputation } from '../../src/swarm/reputation.ts'
import { Swarm } from '../../src/swarm/swarm.ts'
import { buildTree, hash, noise } from '../model/tree-fixtures.ts'
import { seededRandom } from '../sim/virtual-clock.ts'
import { MemoryChannel } from './memory-channel.ts'
import type { OpenPolicy } from '../../src/api.ts'
import type { Manifest } from '../../src/model/manifest.ts'
import type { Session } from '../../src/swarm/session.ts'
import type { MapStore } from '../model/tree-fixtures.ts'
import type { VirtualClock } from '../sim/virtual-clock.ts'

export interface MemoryModel {
  readonly manifest: Manifest
  readonly store: MapStore
  readonly bytes: number
}

/** A model of two files, of so many blocks of 64 KiB in all. */
export async function memoryModel (blocks = 16): Promise<MemoryModel> {
  const half = Math.ceil(blocks / 2)
  const { manifest, store } = await buildTree({
    'a.bin': noise(1, half * 65536), 'b.bin': noise(2, (blocks - half) * 65536)
  })
  return { manifest, store, bytes: manifest.totalBytes }
}

export interface PullRun {
  readonly scheduler: Scheduler
  readonly held: Map<number, Uint8Array>
  isDone: boolean
  fatal: unknown
}

let seed = 1

/** A node as node.ts makes it, but for disk and network: reception, swarm, and the two halves of a pull, in memory. */
export class MemoryNode {
  readonly id: string
  readonly clock: VirtualClock
  readonly swarm: Swarm
  readonly reception: Reception
  readonly reputation: Reputation
  /** Peers that came to be refused, with the code of the offence. */
  readonly refusals: Array<[peerId: string, code: string]> = []
  /** What a peer is told that finds no room here. */
  records: Uint8Array[] = []
  /** How long it takes to look them up. */
  recordsMs = 0
  hasEnough = false
  readonly model: MemoryModel
  readonly ends: Array<Error | undefined> = []
  readonly random = seededRandom(seed++)

  constructor (id: string, clock: VirtualClock, model: MemoryModel) {
    this.id = id
    this.clock = clock
    this.model = model
    this.swarm = new Swarm(model.manifest.root, { clock, random: this.random, hash })
    this.swarm.events.onSessionEnd = (_session, err) => { this.ends.push(err) }
    this.reputation = new Reputation({
      now: () => clock.now(),
      onRefused: (peerId, _ms, err) => { this.refusals.push([peerId, err.code]) }
    })
    this.reception = new Reception({
      ourId: id,
      roots: () => [model.manifest.root],
      swarmOf: async () => this.swarm,
      recordsFor: async () => {
        if (this.recordsMs > 0) await new Promise<void>(resolve => { clock.setTimer(this.recordsMs, resolve) })
        return this.records
      },
      hasEnough: () => this.hasEnough,
      reputation: this.reputation,
      clock
    })
  }

  /** Serves everything; `open` as the publisher. `spoil` may change what is read. */
  serve (own: { open?: OpenPolicy, spoil?: (block: number, bytes: Uint8Array) => Uint8Array } = {}): this {
    const { manifest, store } = this.model
    const held = new Bitfield(manifest.blockCount)
    held.fill()
    this.swarm.setContent(manifest, held, {
      read: async block => {
        const bytes = store.bytes(manifest.cid(block)).slice()
        return own.spoil?.(block, bytes) ?? bytes
      },
      getNode: cid => store.blocks.get(Buffer.from(CID.decode(cid).multihash.digest).toString('hex'))?.slice()
    }, own.open === undefined ? {} : { open: own.open })
    return this
  }

  /** Fetches the tree, then the blocks of the files wanted. */
  pull (isWanted: (path: string) => boolean = () => true): PullRun {
    const run: { -readonly [key in keyof PullRun]: PullRun[key] | undefined } & { held: Map<number, Uint8Array> } = {
      scheduler: undefined, held: new Map(), isDone: false, fatal: undefined
    }
    const nodes = new Map<string, Uint8Array>()
    const getNodes = async (cids: CID[]): Promise<Uint8Array[]> => {
      const found = await this.swarm.treeFetch.fetch(cids)
      for (const [i, cid] of cids.entries()) nodes.set(String(cid), found[i] ?? new Uint8Array(0))
      return found
    }
    resolveManifest(this.swarm.root, { hash, getNodes }).then(manifest => {
      run.scheduler = this.#download(manifest, run, nodes, isWanted)
    }).catch((err: unknown) => { run.fatal = err })
    return {
      held: run.held,
      get scheduler () {
        if (run.scheduler === undefined) throw new Error('The tree is not here yet')
        return run.scheduler
      },
      get isDone () { return run.isDone === true },
      get fatal () { return run.fatal }
    }
  }

  #download (
    manifest: Manifest, run: { held: Map<number, Uint8Array>, isDone: boolean | undefined, fatal: unknown },
    nodes: ReadonlyMap<string, Uint8Array>, isWanted: (path: string) => boolean
  ): Scheduler {
    const { swarm, clock, random } = this
    const wanted = new Bitfield(manifest.blockCount)
    const unwanted = new Bitfield(manifest.blockCount)
    for (let block = 0; block < manifest.blockCount; block++) {
      const isIn = isWanted(manifest.firstPlace(block).file.path)
      if (isIn) wanted.add(block)
      else unwanted.add(block)
    }
    const sizeOf = (block: number): number => manifest.sizeBytes(block)
    const states = new BlockStates(wanted, new Bitfield(manifest.blockCount), sizeOf)
    const scheduler = new Scheduler({ states, sizeOf, maxBlockBytes: manifest.maxBlockBytes, random })
    swarm.setContent(manifest, new Bitfield(manifest.blockCount), {
      read: async block => (run.held.get(block) ?? new Uint8Array(0)).slice(),
      getNode: cid => nodes.get(String(CID.decode(cid)))?.slice()
    }, { unwanted: unwanted.count === 0 ? undefined : unwanted })
    const downloader = new Downloader({
      scheduler,
      clock,
      keep: async (block, bytes, sourceId) => {
        await verifyBlock(manifest, block, bytes, { hash, sourceId })
        run.held.set(block, bytes)
      },
      sessionOf: peerId => swarm.sessions.get(peerId),
      onStored: block => { swarm.announce(block) },
      onBadBlock: (session, err) => { swarm.onBadBlock(session, err) },
      onFatal: err => { run.fatal = err },
      onComplete: () => {
        run.isDone = true
        swarm.stopPulling()
      }
    })
    swarm.startPulling(downloader)
    return scheduler
  }
}

export interface Dialled {
  /** The opener's ends. */
  readonly control: MemoryChannel
  data: MemoryChannel | undefined
  session: Session | undefined
  error: unknown
  isOver: boolean
}

/** Opens a session from one node to another, as discovery does. */
export function dial (from: MemoryNode, to: MemoryNode, latencyMs = 5): Dialled {
  const [control, far] = MemoryChannel.pair(from.clock, latencyMs)
  const dialled: Dialled = { control, data: undefined, session: undefined, error: undefined, isOver: false }
  const accepting = to.reception.acceptControl(far, from.id)
  accepting.catch((err: unknown) => { dialled.error = err })
  const openData = async (): Promise<MemoryChannel> => {
    // a stream takes a round trip
    await new Promise<void>(resolve => { from.clock.setTimer(2 * latencyMs, resolve) })
    const [data, farData] = MemoryChannel.pair(from.clock, latencyMs)
    to.reception.acceptData(farData, from.id)
    dialled.data = data
    return data
  }
  from.reception.open(from.swarm, to.id, { control, openData })
    .then(session => { dialled.session = session }, (err: unknown) => { dialled.error = err })
    .finally(() => { dialled.isOver = true })
  return dialled
}

/** Lets so much virtual time pass. */
export async function pass (clock: VirtualClock, ms: number): Promise<void> {
  const until = clock.now() + ms
  let isOver = false
  clock.setTimer(ms, () => { isOver = true })
  await clock.run({ untilMs: until, until: () => isOver })
}

/** Runs until it is so, at most ten minutes of virtual time. @throws when it never is */
export async function until (clock: VirtualClock, isSo: () => boolean): Promise<void> {
  await clock.run({ untilMs: clock.now() + 600_000, until: isSo })
  if (!isSo()) throw new Error(`Never so, at ${clock.now()} ms`)
}

/** Who knows whom, with distinct ids in order. */
export function fullMesh (nodes: readonly MemoryNode[], latencyMs = 5): void {
  for (const [i, from] of nodes.entries()) for (const to of nodes.slice(0, i)) dial(from, to, latencyMs)
}
