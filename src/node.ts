import './polyfill.ts'
import picomatch from 'picomatch'
import { GIVE_UP_SECONDS, LINGER_LOOK_MS } from './defaults.ts'
import { ModelswarmError } from './errors.ts'
import { inspectAtPeers } from './inspect.ts'
import { describe } from './inspect/describe.ts'
import { Bitfield } from './model/bitfield.ts'
import { formatLink, parseLink } from './model/link.ts'
import { dialable } from './node/addresses.ts'
import { linkPeers } from './node/link-peers.ts'
import { asRoot } from './node/not-here.ts'
import { checkInspect, checkLinger, checkPublish, checkPull } from './node/calls.ts'
import { checkText, resolveNodeOptions } from './node/options.ts'
import { pull } from './pull.ts'
import { knownManifest, recordAccess } from './serve.ts'
import type {
  InspectOptions, Inspection, LingerOptions, Node, NodeOptions, PublishedModel, PublishOptions, PulledModel,
  PullOptions, SwarmState
} from './api.ts'
import type { InspectAtPeersParts } from './inspect.ts'
import type { Link } from './model/link.ts'
import type { NodeParts } from './node/open.ts'
import type { Swarm } from './swarm/swarm.ts'

/**
 * Starts a node: opens the state folder, takes an identity, listens. It serves what the state folder holds until
 * `stop`.
 *
 * @throws TypeError for an unknown option or a wrong kind of value
 * @throws ModelswarmError ERR_STATE_VERSION, ERR_STATE_DAMAGED, ERR_PATH_KIND, ERR_PATH_PERMISSION, ERR_LISTEN,
 * ERR_DISK
 * @example
 *   const node = await createNode({ dir: './state' })
 *   const model = await node.publish('./llama')
 *   console.log(model.link)
 */
export async function createNode (options: NodeOptions): Promise<Node> {
  const resolved = resolveNodeOptions(options)
  resolved.signal?.throwIfAborted()
  // Two thirds of all that this library loads is libp2p: who only looks at a state folder does without.
  const { openNodeParts } = await import('./node/open.ts')
  return new ModelswarmNode(await openNodeParts(resolved))
}

class ModelswarmNode implements Node {
  readonly #parts: NodeParts
  readonly #work = new Set<Promise<unknown>>()
  #stopped: Promise<void> | undefined

  constructor (parts: NodeParts) {
    this.#parts = parts
  }

  get peerId (): string {
    return this.#parts.libp2p.peerId.toString()
  }

  get addrs (): readonly string[] {
    return this.#parts.libp2p.getMultiaddrs().map(addr => addr.toString())
  }

  get sentBytes (): number {
    return this.#parts.swarms.sentBytes
  }

  async publish (path: string, options: PublishOptions = {}): Promise<PublishedModel> {
    checkPublish(path, options)
    return await this.#running(options.signal, async signal => {
      const { publish } = await import('./publish.ts')
      const { record, manifest } = await publish(path, { ...this.#parts, onProgress: options.onProgress, signal })
      await this.#parts.swarms.replace(manifest.root, swarm => {
        const held = new Bitfield(manifest.blockCount)
        held.fill()
        const { open } = this.#parts.options
        swarm.setContent(manifest, held, recordAccess(manifest, [record], this.#parts), { open })
      })
      const { addrs, peerId } = this
      const link = formatLink({
        root: manifest.root,
        name: record.name,
        peers: linkPeers(peerId, addrs, this.#parts.options.announce)
      })
      const files = manifest.files.map(file => ({ path: file.path, bytes: file.sizeBytes }))
      return { root: record.root, link, bytes: manifest.totalBytes, blocks: manifest.blockCount, files }
    })
  }

  async pull (link: string, dir: string, options: PullOptions = {}): Promise<PulledModel> {
    checkPull(link, dir, options)
    const parsed = parseLink(link)
    return await this.#running(options.signal, async signal => {
      const { swarms } = this.#parts
      const swarm = await swarms.beginPull(parsed.root)
      const search = this.#parts.discovery.search(swarm)
      let isComplete = false
      try {
        this.#addHints(swarm, parsed, options.peers ?? [])
        const matches = picomatch(options.include ?? '**', { dot: true })
        const parts = { ...this.#parts, swarm, search, addrs: this.addrs, include: (path: string) => matches(path) }
        const pulled = await pull(parsed, dir, parts, { ...options, signal })
        isComplete = true
        return pulled
      } finally {
        await swarms.endPull(swarm, isComplete)
      }
    })
  }

  async linger (root: string, options: LingerOptions): Promise<void> {
    checkLinger(root, options)
    const swarm = this.#parts.swarms.get(parseLink(root).root)
    const { clock } = this.#parts
    const endAt = clock.now() + options.seconds * 1000
    await this.#running(options.signal, async signal => {
      while (swarm?.hasLackingPeer === true && clock.now() < endAt && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<unknown>()
        const timer = setTimeout(resolve, Math.min(LINGER_LOOK_MS, endAt - clock.now()))
        signal.addEventListener('abort', resolve, { once: true })
        await promise
        clearTimeout(timer)
        signal.removeEventListener('abort', resolve)
      }
    })
  }

  swarm (root: string): SwarmState | undefined {
    checkText('swarm', 'root', root)
    const swarm = this.#parts.swarms.get(parseLink(root).root)
    if (swarm === undefined) return undefined
    const known = [...swarm.sessions.values()].flatMap(session => session.their.holdings ?? [])
    const all = known.reduce((sum, holdings) => sum + holdings.length, 0)
    const held = known.reduce((sum, holdings) => sum + holdings.count, 0)
    const bytes = swarm.manifest?.distinctBytes ?? 0
    return {
      peers: swarm.sessions.size,
      seeders: known.filter(holdings => holdings.isFull).length,
      complete: all === 0 ? 1 : held / all,
      copiesSent: bytes === 0 ? 0 : swarm.sentBytes / bytes,
      sentBytes: swarm.sentBytes
    }
  }

  async inspect (linkOrRootOrPath: string, options: InspectOptions = {}): Promise<Inspection> {
    checkInspect(linkOrRootOrPath, options)
    const { tensors = false, giveUpSeconds = GIVE_UP_SECONDS } = options
    return await this.#running(options.signal, async signal => {
      const parts = this.#parts
      if (asRoot(linkOrRootOrPath) === undefined) {
        const { publish } = await import('./publish.ts')
        const { manifest, record } = await publish(linkOrRootOrPath, { ...parts, isListed: false, signal })
        return await describe(manifest, { ...parts, tensors, files: record.files, signal })
      }
      const link = parseLink(linkOrRootOrPath)
      const files = parts.store.models.get(link.root.toString()).flatMap(record => record.files)
      const manifest = await knownManifest(link.root, parts)
      const here = manifest === undefined ? undefined : await describe(manifest, { ...parts, tensors, files, signal })
      // Where this node exchanges the model already, a second session with its peers would end those there are.
      const isOpen = parts.swarms.get(link.root) !== undefined
      const isMissing = here?.files.some(file => file.isHeaderMissing) ?? true
      if (here !== undefined && (isOpen || !isMissing)) {
        if (isMissing) options.onNote?.('This node exchanges the model already: only tensors of files that are here are listed')
        return here
      }
      return await this.#inspectAtPeers(link, {
        manifest, files, tensors, giveUpSeconds, signal, peers: options.peers ?? [], note: options.onNote ?? (() => {})
      })
    })
  }

  async stop (): Promise<void> {
    await (this.#stopped ??= this.#stop())
  }

  async #stop (): Promise<void> {
    this.#parts.stopping.abort(new ModelswarmError('ERR_STOPPED', 'The node was stopped'))
    await Promise.allSettled(this.#work)
    await this.#parts.swarms.stop()
    await this.#parts.close()
  }

  /** Runs a piece of work that ends when the node stops or the caller's signal aborts, and that `stop` waits for. */
  async #running<T> (signal: AbortSignal | undefined, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { stopping } = this.#parts
    stopping.signal.throwIfAborted()
    signal?.throwIfAborted()
    const work = act(signal === undefined ? stopping.signal : AbortSignal.any([signal, stopping.signal]))
    this.#work.add(work)
    try {
      return await work
    } finally {
      this.#work.delete(work)
    }
  }

  #addHints (swarm: Swarm, link: Link, peers: readonly string[]): void {
    const search = this.#parts.discovery.search(swarm)
    for (const peer of dialable(link.peers, this.#parts.options.onNote)) {
      if (peer.addrs.length > 0) search.add({ peerId: peer.id, addrs: peer.addrs, isHint: true })
    }
    for (const addr of peers) {
      search.add({ peerId: /\/p2p\/([^/]+)$/.exec(addr)?.[1], addrs: [addr], isHint: true })
    }
    // Who is connected already may know the model too.
    for (const peerId of this.#parts.libp2p.getPeers()) {
      search.add({ peerId: peerId.toString(), addrs: [], isHint: false })
    }
  }

  /** From the peers of a swarm that is there as long as this takes. */
  async #inspectAtPeers (
    link: Link, options: Omit<InspectAtPeersParts, 'swarm' | 'search' | keyof NodeParts> & { peers: readonly string[] }
  ): Promise<Inspection> {
    const { newSwarm, discovery } = this.#parts
    const swarm = newSwarm(link.root)
    const search = discovery.search(swarm)
    try {
      this.#addHints(swarm, link, options.peers)
      return await inspectAtPeers({ ...this.#parts, ...options, swarm, search })
    } finally {
      discovery.stopSearch(swarm)
      await swarm.stop()
    }
  }
}
