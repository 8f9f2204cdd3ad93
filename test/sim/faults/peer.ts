import { CID } from 'multiformats/cid'
import { ModelswarmError } from '../../../src/errors.ts'
import { Bitfield } from '../../../src/model/bitfield.ts'
import { verifyBlock } from '../../../src/model/verify.ts'
import { gaveUp } from '../../../src/pull/gave-up.ts'
import { PullRecord } from '../../../src/pull/record.ts'
import { fetchTree } from '../../../src/pull/tree.ts'
import { PullWatch } from '../../../src/pull/watch.ts'
import { BlockStates } from '../../../src/schedule/block-states.ts'
import { Downloader } from '../../../src/swarm/downloader.ts'
import { Reception } from '../../../src/swarm/reception.ts'
import { Reputation } from '../../../src/swarm/reputation.ts'
import { Search } from '../../../src/swarm/search.ts'
import { Swarm } from '../../../src/swarm/swarm.ts'
import { proofOf } from '../../swarm/instant-proof.ts'
import { Mount } from './mount.ts'
import { Introductions } from './introductions.ts'
import { ProcessClock } from './process-clock.ts'
import { WatchedScheduler } from './watched-scheduler.ts'
import type { Line, LineEnd } from './line.ts'
import type { Machine } from './machine.ts'
import type { World } from './world.ts'
import type { FaultChannel } from './channel.ts'
import type { NetworkNode } from '../network.ts'
import type { OpenTarget } from '../../../src/files/open-target.ts'
import type { Manifest } from '../../../src/model/manifest.ts'
import type { Session } from '../../../src/swarm/session.ts'
import type { ChannelKind } from '../../../src/wire/channel.ts'
import type { Message } from '../../../src/wire/messages.ts'

/** Longer than a vanished peer is believed in: what comes after that is nobody's patience but ours. */
export const GIVE_UP_SECONDS = 150

/**
 * One run of the program on a machine, from start to stop or kill: the library's swarm, reception, search, target and
 * record, put together as node.ts and pull.ts do.
 */
export class PeerProcess implements LineEnd {
  readonly id: string
  readonly machine: Machine
  readonly node: NetworkNode
  readonly clock: ProcessClock
  readonly swarm: Swarm
  readonly mount: Mount
  readonly startedAt: number
  readonly #reception: Reception
  readonly #search: Search
  readonly #stopping = new AbortController()
  readonly #introductions: Introductions
  readonly #world: World
  target: OpenTarget | undefined
  scheduler: WatchedScheduler | undefined
  /** What it was told by whoever started it: resolves when the pull is over, well or not. */
  #pulling: Promise<void> = Promise.resolve()
  isOver = false

  constructor (machine: Machine, world: World) {
    const { random } = machine
    this.id = machine.id
    this.machine = machine
    this.node = machine.node
    this.#world = world
    this.clock = new ProcessClock(world.clock)
    this.startedAt = world.clock.now()
    const { clock } = this
    const { root } = world.model.manifest
    this.swarm = new Swarm(root, { clock, random, hash: world.hash })
    this.mount = new Mount(machine.disk, clock, world.model, world.breaks)
    const reputation = new Reputation({ now: () => clock.now() })
    this.#reception = new Reception({
      ourId: this.id, roots: () => [root], swarmOf: async () => this.swarm, clock, prove: proofOf, reputation
    })
    this.#search = new Search({
      ourId: this.id,
      swarm: this.swarm,
      dial: async candidate => { await this.#dial(candidate.peerId ?? candidate.key) },
      clock,
      random,
      signal: this.#stopping.signal,
      refusedForMs: peerId => reputation.refusedForMs(peerId)
    })
    this.#introductions = new Introductions(this, this.#search, peerId => world.knows(peerId))
    this.swarm.events = {
      onNote: message => { world.trace.say(this.id, () => message) },
      onSession: session => {
        world.trace.say(this.id, () => `session with ${session.peerId}`)
        this.#introductions.onSession(session)
      },
      onSessionEnd: (session, err) => {
        world.trace.say(this.id, () => `session with ${session.peerId} ended: ${err?.message ?? 'cleanly'}`)
        world.checks.onSessionEnd(this, session, err)
        this.#search.onSessionEnd(session, err)
      },
      onPeers: (session, records) => { this.#introductions.onPeers(session, records) },
      onUnreadable: (block, err) => {
        world.trace.say(this.id, () => `block ${block} is unreadable: ${err instanceof Error ? err.message : ''}`)
      }
    }
  }

  start (): void {
    const { role, open, hints } = this.machine
    const { manifest } = this.#world.model
    if (role === 'puller') {
      for (const peerId of hints) this.#search.add({ peerId, addrs: [peerId], isHint: true })
      this.#pulling = this.#pull().then(() => { this.#end(undefined) }, (err: unknown) => { this.#end(err) })
      return
    }
    const held = new Bitfield(manifest.blockCount)
    held.fill()
    this.swarm.setContent(manifest, held, {
      read: async block => await this.#read(block, async () => await this.mount.readShared(block)),
      getNode: cid => this.#world.nodeOf(cid)
    }, role === 'publisher' ? { open } : {})
  }

  accept (kind: ChannelKind, channel: FaultChannel, from: string): void {
    if (this.isOver) return channel.abort(new ModelswarmError('ERR_STOPPED', 'This process is over'))
    if (kind === 'data') return this.#reception.acceptData(channel, from)
    this.#reception.acceptControl(channel, from).catch((err: unknown) => { this.#world.onStray(this.id, err) })
  }

  onSend (line: Line, to: string, message: Message, payload: Uint8Array | undefined): void {
    this.#world.trace.say(this.id, () => `> ${to} ${shown(message)}`)
    this.#world.checks.onSend(this, line, { to, message, payload })
  }

  onRead (_line: Line, from: string, message: Message): void {
    this.#world.trace.say(this.id, () => `< ${from} ${shown(message)}`)
  }

  /** Nothing of it runs any more; its connections are left to whoever killed it. */
  kill (): void {
    this.isOver = true
    this.#stopping.abort()
    this.clock.kill()
  }

  /** Ends as a program does that is told to: resolves when nothing of it is left (I8). */
  async stop (): Promise<void> {
    this.isOver = true
    this.#stopping.abort(new ModelswarmError('ERR_STOPPED', 'The node was stopped'))
    await this.#pulling
    this.#search.stop()
    this.#reception.stop()
    await this.swarm.stop()
    this.#world.hangUp(this)
  }

  #end (err: unknown): void {
    this.#search.stop()
    this.#world.onPullEnd(this, err)
  }

  async #dial (peerId: string): Promise<void> {
    const line = await this.#world.connect(this, peerId)
    if (this.swarm.sessions.has(peerId)) return
    await this.#reception.open(this.swarm, peerId, {
      control: line.openStream('control'),
      openData: async () => {
        await this.clock.sleep(1)
        return line.openStream('data')
      },
      wantsPeers: true
    })
  }

  async #read (block: number, read: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const { checks, model } = this.#world
    const size = model.manifest.sizeBytes(block)
    checks.onReadAhead(this, size)
    try {
      return await read()
    } catch (err) {
      checks.onReadAhead(this, -size)
      throw err
    }
  }

  // --- as pull.ts ---

  async #pull (): Promise<void> {
    const { swarm, clock, mount } = this
    const { hash, checks } = this.#world
    const root = swarm.root.toString()
    const watch: PullWatch = new PullWatch({
      clock,
      giveUpMs: GIVE_UP_SECONDS * 1000,
      gaveUp: () => gaveUp(GIVE_UP_SECONDS, { swarm, search: this.#search, target: this.target }),
      onLook: () => {},
      signal: this.#stopping.signal
    })
    let record: PullRecord | undefined
    try {
      const { signal } = this.#stopping
      const tree = fetchTree(swarm.root, { store: mount, hash, swarm, watch }, signal)
      const manifest = await Promise.race([watch.failed, tree])
      const target = mount.openTarget(manifest, this.machine.isWanted)
      const known = mount.held.load(root, target.dir, manifest.blockCount)
      await target.verifyExisting({
        check: async (block, bytes) => await this.#isBlock(manifest, block, bytes),
        record: known,
        onProgress: () => { watch.alive() },
        signal
      })
      this.target = target
      checks.onOpened(this, known)
      record = new PullRecord({ store: mount, target, root, clock, onFailed: watch.fail })
      swarm.setContent(manifest, Bitfield.fromBytes(target.held.toBytes(), target.held.length), {
        read: async block => await this.#read(block, async () => await target.read(block)),
        getNode: cid => mount.nodeOf(CID.decode(cid))
      }, { unwanted: unwantedOf(target) })
      await Promise.race([watch.failed, this.#download(target, manifest, record, watch)])
      swarm.stopPulling()
      await target.finish()
      await record.end()
      await target.close()
    } catch (err) {
      swarm.stopPulling()
      await record?.end().catch(() => {})
      await this.target?.close().catch(() => {})
      throw err
    } finally {
      watch.stop()
    }
  }

  async #download (target: OpenTarget, manifest: Manifest, record: PullRecord, watch: PullWatch): Promise<void> {
    const { swarm, clock } = this
    const sizeOf = (block: number): number => manifest.sizeBytes(block)
    const states = new BlockStates(target.wanted, target.held, sizeOf)
    if (states.isComplete) return
    const { random, budgetBytes } = this.machine
    const parts = { states, sizeOf, maxBlockBytes: manifest.maxBlockBytes, random, budgetBytes }
    this.scheduler = new WatchedScheduler(parts, (what, promise) => { this.#world.trace.fail(promise, this.id, what) })
    const complete = Promise.withResolvers<void>()
    swarm.startPulling(new Downloader({
      scheduler: this.scheduler,
      clock,
      keep: async (block, bytes, sourceId) => {
        await verifyBlock(manifest, block, bytes, { hash: this.#world.hash, sourceId })
        await target.write(block, bytes)
      },
      sessionOf: peerId => swarm.sessions.get(peerId),
      onStored: block => {
        this.#world.trace.say(this.id, () => `stored ${block}: ${target.held.count} of ${target.wanted.count}`)
        watch.alive()
        swarm.announce(block)
        record.onStored(sizeOf(block))
      },
      onBadBlock: (session, err) => { this.#world.onBadBlock(swarm, session, err) },
      onFatal: watch.fail,
      onComplete: complete.resolve
    }))
    await complete.promise
  }

  async #isBlock (manifest: Manifest, block: number, bytes: Uint8Array): Promise<boolean> {
    try {
      await verifyBlock(manifest, block, bytes, { hash: this.#world.model.hash })
      return true
    } catch (err) {
      if (err instanceof ModelswarmError && err.code === 'ERR_BAD_BLOCK') return false
      throw err
    }
  }
}

export function sessionsOf (process: PeerProcess): Session[] {
  return [...process.swarm.sessions.values()]
}

function unwantedOf (target: OpenTarget): Bitfield | undefined {
  if (target.wanted.isFull) return undefined
  const unwanted = new Bitfield(target.wanted.length)
  for (let block = 0; block < unwanted.length; block++) if (!target.wanted.has(block)) unwanted.add(block)
  return unwanted
}

/** A message in a few words, for the trace. */
function shown (message: Message): string {
  switch (message.type) {
    case 'block': return message.cid === undefined ? `block ${message.index}` : 'tree node'
    case 'request': return `request ${message.indexes.slice(0, 12).join(' ')}${message.cids.length > 0 ? ' tree' : ''}`
    case 'have': case 'cancel': return `${message.type} ${message.indexes.slice(0, 12).join(' ')}`
    case 'reject': return `reject ${message.indexes.slice(0, 12).join(' ')}, reason ${message.reason}`
    case 'holdings': return `holdings ${message.all ? 'all' : Buffer.from(message.bits).toString('hex')}`
    case 'want': return `want ${message.upTo}`
    case 'mode': return `mode ${message.mode}, given ${message.given}`
    case 'bye': return `bye ${message.reason}`
    case 'alive': return message.answer ? 'alive' : 'alive?'
    default: return message.type
  }
}
