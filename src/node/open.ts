import { isModelswarmError } from '../errors.ts'
import { FileReaders } from '../files/reader.ts'
import { ConnectionGuard } from './connection-guard.ts'
import { forgetPeers } from './forget-peers.ts'
import { generateKey, peerIdOf, startLibp2p } from './libp2p.ts'
import { HashWorkers } from './hash-workers.ts'
import { Libp2pNetwork } from './network.ts'
import { clock, hash } from './ports.ts'
import { NodeSwarms } from './swarms.ts'
import { WriteWorker } from './write-worker.ts'
import { notHere } from '../serve.ts'
import { takeIdentity } from '../store/identity.ts'
import { openStore } from '../store/open-store.ts'
import { Discovery } from '../swarm/discovery.ts'
import { Reception } from '../swarm/reception.ts'
import { Reputation } from '../swarm/reputation.ts'
import { Swarm } from '../swarm/swarm.ts'
import { streamChannel } from '../wire/channel.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { CONTROL_PROTOCOL, DATA_PROTOCOL } from '../wire/protocol.ts'
import type { Libp2pNetworkParts } from './network.ts'
import type { ResolvedNodeOptions } from './options.ts'
import type { BlockWriter } from '../files/block-writer.ts'
import type { SpanHasher } from '../files/hash-spans.ts'
import type { ServeParts } from '../serve.ts'
import type { SwarmParts } from '../swarm/ports.ts'
import type { ConnectionGater, Libp2p, PeerId, PeerInfo } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'

/** Everything a node is made of, opened and wired; the one place that constructs. */
export interface NodeParts extends ServeParts, SwarmParts {
  readonly options: ResolvedNodeOptions
  readonly hasher: SpanHasher
  readonly libp2p: Libp2p
  readonly discovery: Discovery
  readonly swarms: NodeSwarms
  /** Aborted by stop. */
  readonly stopping: AbortController
  newSwarm: (root: CID) => Swarm
  startWriter: () => BlockWriter
  /** Releases everything, last of all libp2p if it is ours. Swarms are stopped before. */
  close: () => Promise<void>
}

/** Opens the state folder, then the network. What was opened before a failure is closed again. */
export async function openNodeParts (options: ResolvedNodeOptions): Promise<NodeParts> {
  const closers: Array<() => Promise<unknown>> = []
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    const store = await openStore(options.dir)
    closers.push(async () => { await store.close() })
    const readers = new FileReaders()
    closers.push(async () => { await readers.close() })
    const hasher = new HashWorkers()
    closers.push(async () => { await hasher.close() })
    const late: { guard?: ConnectionGuard } = {}
    const reputation = new Reputation({
      now: clock.now,
      onRefused: (peerId, ms, err) => {
        options.onNote(`Peer ${peerId.slice(-8)} is refused for ${Math.ceil(ms / 60_000)} min: ${err.message} (${err.code})`)
        late.guard?.onRefused(peerId)
      }
    })
    const guard = options.libp2p === undefined ? new ConnectionGuard({ reputation, clock }) : undefined
    if (guard !== undefined) late.guard = guard
    const { libp2p, identify }: Connected = options.libp2p === undefined
      ? await ownLibp2p(options, guard?.gater, closers)
      : { libp2p: options.libp2p }
    guard?.watch(libp2p)
    closers.push(async () => { guard?.stop() })
    return await wire(options, { store, readers, hasher, libp2p, identify, reputation, closers, close })
  } catch (err) {
    await close()
    throw err
  }
}

interface Connected {
  libp2p: Libp2p
  /** Where libp2p does not identify everybody by itself. */
  identify?: Libp2pNetworkParts['identify']
}

async function ownLibp2p (
  options: ResolvedNodeOptions, gater: ConnectionGater | undefined, closers: Array<() => Promise<unknown>>
): Promise<Connected> {
  const identity = await takeIdentity(options.dir, {
    generateKey,
    peerIdOf,
    avoidPeerIds: options.avoidPeerIds,
    onNote: options.onNote
  })
  closers.push(async () => { await identity.release() })
  const { listen, announce, mdns } = options
  const libp2p = await startLibp2p({
    key: identity.key, listen, announce, mdns, lastPort: identity.port, ...(gater !== undefined && { gater })
  })
  closers.push(async () => { await libp2p.stop() })
  const stopForgetting = forgetPeers(libp2p, clock)
  closers.push(async () => { stopForgetting() })
  const port = /\/tcp\/(\d+)/.exec(libp2p.getMultiaddrs()[0]?.toString() ?? '')?.[1]
  if (port !== undefined) await identity.savePort(Number(port))
  return { libp2p, identify: async connection => await libp2p.services.identify.identify(connection) }
}

async function wire (
  options: ResolvedNodeOptions,
  opened: Pick<NodeParts, 'store' | 'readers' | 'hasher' | 'close'> & Connected &
    { reputation: Reputation, closers: Array<() => Promise<unknown>> }
): Promise<NodeParts> {
  const { closers, libp2p, identify, reputation, ...rest } = opened
  const random = Math.random
  const stopping = new AbortController()
  // The swarms need the parts and the parts need the swarms: incoming sessions wait until both are there.
  const late: { swarms?: NodeSwarms, discovery?: Discovery } = {}
  const reception = new Reception({
    ourId: libp2p.peerId.toString(),
    roots: () => late.swarms?.roots() ?? [],
    swarmOf: async root => await late.swarms?.swarmOf(root),
    hasEnough: swarm => late.discovery?.hasEnough(swarm) === true,
    recordsFor: async (swarm, peerId) => await late.discovery?.recordsFor(swarm, peerId) ?? [],
    reputation,
    clock
  })
  const network = new Libp2pNetwork(libp2p, { clock, identify, signal: stopping.signal })
  const discovery = new Discovery({ network, reception, reputation, clock, random, signal: stopping.signal })
  const noteUnreadable = unreadableNotes(options.onNote)
  late.discovery = discovery
  const newSwarm = (root: CID): Swarm => {
    const swarm = new Swarm(root, { clock, random, hash })
    swarm.events.onUnreadable = noteUnreadable
    swarm.events.onSession = session => { discovery.onSession(swarm, session) }
    swarm.events.onSessionEnd = (session, err) => { discovery.onSessionEnd(swarm, session, err) }
    swarm.events.onPeers = (session, records) => {
      discovery.onRecords(swarm, session, records).catch((err: unknown) => {
        session.abort(err instanceof Error ? err : new Error('Peer records could not be read'))
      })
    }
    return swarm
  }
  const swarms = new NodeSwarms({ ...rest, hash, newSwarm, discovery, clock, onNote: options.onNote })
  late.swarms = swarms
  const parts: NodeParts = {
    ...rest,
    onNote: options.onNote,
    options,
    hash,
    clock,
    random,
    libp2p,
    discovery,
    swarms,
    stopping,
    newSwarm,
    startWriter: () => new WriteWorker()
  }
  await handleProtocols(libp2p, reception, closers)
  const onIdentify = (event: CustomEvent<{ peerId: PeerId }>): void => {
    discovery.onIdentified(event.detail.peerId.toString())
  }
  const onDiscovery = (event: CustomEvent<PeerInfo>): void => {
    discovery.onPeer(event.detail.id.toString(), event.detail.multiaddrs.map(addr => addr.toString()))
  }
  libp2p.addEventListener('peer:identify', onIdentify)
  libp2p.addEventListener('peer:discovery', onDiscovery)
  if (options.mdns) {
    // Who answered while we started was told of before anybody listened.
    for (const { id, addresses } of await libp2p.peerStore.all()) {
      discovery.onPeer(id.toString(), addresses.map(({ multiaddr }) => multiaddr.toString()))
    }
  }
  closers.push(async () => {
    libp2p.removeEventListener('peer:identify', onIdentify)
    libp2p.removeEventListener('peer:discovery', onDiscovery)
    discovery.stop()
    reception.stop()
  })
  return parts
}

/** Says once of each file and reason that it cannot be given to anybody any more. */
function unreadableNotes (onNote: (message: string) => void): (block: number, err: unknown) => void {
  const told = new Set<string>()
  return (_block, err) => {
    if (!isModelswarmError(err) || err.details.path === undefined) return
    const { path } = err.details
    const message = err.code === 'ERR_FILE_CHANGED' ? notHere(path) : err.message
    if (told.has(message)) return
    told.add(message)
    onNote(message)
  }
}

async function handleProtocols (
  libp2p: Libp2p, reception: Reception, closers: Array<() => Promise<unknown>>
): Promise<void> {
  const limits = {
    maxInboundStreams: WIRE_LIMITS.streamsPerConnection,
    maxOutboundStreams: WIRE_LIMITS.streamsPerConnection
  }
  await libp2p.handle(CONTROL_PROTOCOL, async (stream, connection) => {
    const { remotePeer, remoteAddr } = connection
    await reception.acceptControl(streamChannel(stream, 'control'), remotePeer.toString(), remoteAddr.toString())
  }, limits)
  closers.push(async () => { await libp2p.unhandle(CONTROL_PROTOCOL) })
  await libp2p.handle(DATA_PROTOCOL, (stream, connection) => {
    const { remotePeer, remoteAddr } = connection
    reception.acceptData(streamChannel(stream, 'data'), remotePeer.toString(), remoteAddr.toString())
  }, limits)
  closers.push(async () => { await libp2p.unhandle(DATA_PROTOCOL) })
}
