import { Bitfield } from '../../src/model/bitfield.ts'
import { ModelswarmError } from '../../src/errors.ts'
import { BlockStates } from '../../src/schedule/block-states.ts'
import { Scheduler } from '../../src/schedule/scheduler.ts'
import { Downloader } from '../../src/swarm/downloader.ts'
import { Session } from '../../src/swarm/session.ts'
import { Swarm } from '../../src/swarm/swarm.ts'
import { SimChannel } from './sim-channel.ts'
import type { Line, SimNode } from './network.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { Giving } from './scenario.ts'
import type { OpenPolicy } from '../../src/api.ts'
import type { Manifest } from '../../src/model/manifest.ts'

export interface SimPeerParts {
  id: string
  clock: VirtualClock
  random: () => number
  node: SimNode
  manifest: Manifest
  role: 'publisher' | 'puller' | 'seeder'
  open?: OpenPolicy
  /** Blocks a puller has from the start. */
  held?: Bitfield | undefined
  /** What it does when it is asked for a block. Default: blocks. */
  gives?: Giving
  /** Time to verify a MiB and write it, in ms. Default: 1. */
  msPerMiB?: number
  /** Calls back when so much work is done. Default: it all goes on at the same time. */
  work?: (ms: number, fn: () => void) => void
  onStored?: (block: number) => void
  onComplete?: () => void
}

/** What stands for the bytes of a block: right and wrong ones are told apart by the buffer, and cost no memory. */
const buffers = new Map<number, Uint8Array>()
export function goodBytes (sizeBytes: number): Uint8Array {
  const known = buffers.get(sizeBytes) ?? new Uint8Array(sizeBytes)
  buffers.set(sizeBytes, known)
  return known
}

/** A node of the simulated network: the library's swarm code on blocks in memory. */
export class SimPeer {
  readonly id: string
  readonly swarm: Swarm
  readonly node: SimNode
  readonly held: Bitfield
  readonly parts: SimPeerParts
  /** When it had everything; undefined until then. */
  completeAt: number | undefined
  /** Blocks that came though they were here already, or were of no use. */
  wastedBytes = 0
  joinedAt = 0
  /** When its last block was stored, or it joined. */
  storedAt = 0
  /** What it knows of whom to ask; undefined for one that pulls nothing. */
  scheduler: Scheduler | undefined
  readonly neighbours = new Set<SimPeer>()
  isGone = false

  constructor (parts: SimPeerParts) {
    const { id, clock, random, manifest } = parts
    this.id = id
    this.parts = parts
    this.node = parts.node
    this.swarm = new Swarm(manifest.root, { clock, random, hash: async () => new Uint8Array(32) })
    this.held = new Bitfield(manifest.blockCount)
    if (parts.role === 'puller') for (const block of parts.held?.indexes() ?? []) this.held.add(block)
    else this.held.fill()
  }

  /** Begins to serve, and to pull. */
  start (): void {
    const { manifest, role, open = 'spare', clock } = this.parts
    this.joinedAt = clock.now()
    this.storedAt = this.joinedAt
    const copy = Bitfield.fromBytes(this.held.toBytes(), this.held.length)
    const access = { read: async (block: number) => await this.#read(block), getNode: () => undefined }
    this.swarm.setContent(manifest, copy, access, role === 'publisher' ? { open } : {})
    if (role === 'puller') this.#pull()
    else this.completeAt = this.joinedAt
  }

  async #read (block: number): Promise<Uint8Array> {
    const { gives = 'blocks', manifest } = this.parts
    if (gives === 'nothing') await new Promise<never>(() => { /* asked in vain */ })
    if (gives === 'refusals') throw new ModelswarmError('ERR_DISK', 'Cannot be read')
    return goodBytes(manifest.sizeBytes(block))
  }

  #pull (): void {
    const { manifest, clock, random } = this.parts
    const sizeOf = (block: number): number => manifest.sizeBytes(block)
    const wanted = new Bitfield(manifest.blockCount)
    wanted.fill()
    const states = new BlockStates(wanted, this.held, sizeOf)
    const scheduler = new Scheduler({ states, sizeOf, maxBlockBytes: manifest.maxBlockBytes, random })
    const { work = clock.setTimer, msPerMiB = 1 } = this.parts
    const msPerByte = msPerMiB / 2 ** 20
    this.scheduler = scheduler
    const downloader = new Downloader({
      scheduler,
      clock,
      keep: async (block, bytes, sourceId) => {
        if (bytes !== goodBytes(sizeOf(block))) throw new ModelswarmError('ERR_BAD_BLOCK', 'Wrong bytes', { sourceId })
        await new Promise<void>(resolve => { work(sizeOf(block) * msPerByte, resolve) })
        this.held.add(block)
        this.storedAt = clock.now()
      },
      sessionOf: peerId => this.swarm.sessions.get(peerId),
      onStored: block => {
        this.swarm.announce(block)
        this.parts.onStored?.(block)
      },
      onBadBlock: (session, err) => { this.swarm.onBadBlock(session, err) },
      onFatal: err => { throw err instanceof Error ? err : new Error('Pull failed') },
      onComplete: () => {
        this.completeAt = clock.now()
        this.swarm.stopPulling()
        this.parts.onComplete?.()
      }
    })
    if (states.isComplete) this.completeAt = clock.now()
    else this.swarm.startPulling(downloader)
  }

  /** Leaves without a word: its connections break. */
  leave (): void {
    this.isGone = true
    this.swarm.stopPulling()
    for (const session of [...this.swarm.sessions.values()]) session.abort(new ModelswarmError('ERR_PEER_LOST', 'Left'))
  }
}

/** Connects two peers; the sessions begin after the handshake's round trips, and `onDone` is told of them. */
export function connect (a: SimPeer, b: SimPeer, latencyMs: number, onDone?: () => void): void {
  const { clock } = a.parts
  clock.setTimer(HANDSHAKE_TRIPS * 2 * latencyMs, () => {
    onDone?.()
    if (a.isGone || b.isGone || a.swarm.sessions.has(b.id)) return
    const [there, back] = a.node.connect(b.node, latencyMs)
    const ends = { control: channels(there, back), data: channels(there, back) }
    join(a, b, true, { control: ends.control[0], data: ends.data[0] })
    join(b, a, false, { control: ends.control[1], data: ends.data[1] })
  })
}

/** TCP, Noise, yamux and Hello: round trips before a session. */
const HANDSHAKE_TRIPS = 4

function channels (there: Line, back: Line): [SimChannel, SimChannel] {
  const near = new SimChannel(there)
  const far = new SimChannel(back)
  near.connect(far)
  far.connect(near)
  return [near, far]
}

function join (us: SimPeer, them: SimPeer, isOutbound: boolean, ends: { control: SimChannel, data: SimChannel }): void {
  const session = new Session({ peerId: them.id, isOutbound, control: ends.control, clock: us.parts.clock })
  session.onHello({
    type: 'hello',
    proof: new Uint8Array(32),
    features: 0,
    encodings: [0],
    token: new Uint8Array(16),
    ...them.swarm.hello()
  })
  const sink = session.attachData(ends.data)
  us.swarm.join(session)
  ends.control.open({
    onMessage: message => { session.onMessage(message) },
    onBlockStart: () => true,
    onBlock: () => {},
    onUnknown: () => {},
    onBytes: () => {},
    onEnd: err => { session.onControlEnd(err) }
  })
  if (sink === undefined) return
  ends.data.open({
    ...sink,
    onBlock: (block, payload) => {
      if (us.held.has(block.index)) us.wastedBytes += payload.byteLength
      sink.onBlock(block, payload)
    }
  })
}
