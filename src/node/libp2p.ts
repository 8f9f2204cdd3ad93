import '../polyfill.ts'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { createLibp2p } from 'libp2p'
import { MAX_CONNECTIONS, PARALLEL_DIALS_OF_ALL } from '../machine-defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { keepFreedMemory } from '../memory.ts'
import { scopeOf } from '../swarm/address-scope.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { checkAddr } from './addresses.ts'
import { leanTcp } from './lean-tcp.ts'
import { leanNoise } from './lean-noise.ts'
import type { Identify } from '@libp2p/identify'
import type { ConnectionGater, Libp2p } from '@libp2p/interface'

export async function generateKey (): Promise<Uint8Array> {
  return privateKeyToProtobuf(await generateKeyPair('Ed25519'))
}

export function peerIdOf (key: Uint8Array): string {
  return peerIdFromPrivateKey(privateKeyFromProtobuf(key)).toString()
}

export interface Libp2pOptions {
  key: Uint8Array
  listen: readonly string[]
  announce: readonly string[]
  mdns: boolean
  /** Tried before a free port is taken, so that links survive a restart. */
  lastPort: number | undefined
  gater?: ConnectionGater
}

export type OwnLibp2p = Libp2p<{ identify: Identify }>

const MDNS_SERVICE = '_modelswarm._udp.local'

/**
 * Our own libp2p node: TCP, Noise, yamux, identify, and mDNS when asked for and something else than loopback is
 * listened on.
 *
 * @throws ModelswarmError ERR_LISTEN, ERR_BAD_OPTION for a text that is no multiaddr
 */
export async function startLibp2p (options: Libp2pOptions): Promise<OwnLibp2p> {
  for (const addr of [...options.listen, ...options.announce]) checkAddr(addr)
  const other = options.listen.find(addr => !/\/tcp\/\d+(\/p2p\/[^/]+)?$/.test(addr))
  if (other !== undefined) {
    throw new ModelswarmError('ERR_LISTEN', `Cannot listen on ${other}: only TCP is spoken here; give one like /ip4/0.0.0.0/tcp/4001`)
  }
  keepFreedMemory()
  const again = options.lastPort === undefined
    ? options.listen
    : options.listen.map(addr => addr.replace(/^(\/ip[46]\/[^/]+\/tcp\/)0$/, `$1${options.lastPort}`))
  if (again.join() !== options.listen.join()) {
    try {
      return await start(options, again)
    } catch {
      // Somebody else has the port of last time: any free one will do. Whatever else is wrong, the next start says.
    }
  }
  try {
    return await start(options, options.listen)
  } catch (err) {
    throw new ModelswarmError('ERR_LISTEN',
      `Cannot listen on ${options.listen.join(', ')}: ${whyNot(err)}; choose another address or port`, { cause: err })
  }
}

async function start (options: Libp2pOptions, listen: readonly string[]): Promise<OwnLibp2p> {
  const { muxedStreams, pendingConnections } = WIRE_LIMITS
  const isReachable = listen.some(addr => scopeOf(addr) !== 'loopback' || addr.startsWith('/ip4/0.0.0.0/') || addr.startsWith('/ip6/::/'))
  const node = await createLibp2p({
    privateKey: privateKeyFromProtobuf(options.key),
    addresses: { listen: [...listen], appendAnnounce: [...options.announce] },
    transports: [leanTcp()],
    connectionEncrypters: [leanNoise()],
    streamMuxers: [yamux({ maxInboundStreams: muxedStreams, maxOutboundStreams: muxedStreams })],
    // Node asks for it itself, where it needs the record of a peer (network.ts).
    services: { identify: identify({ runOnConnectionOpen: false }) },
    ...(options.mdns && isReachable && { peerDiscovery: [(await import('@libp2p/mdns')).mdns({ serviceTag: MDNS_SERVICE })] }),
    // Its pings queue behind bulk data and would end busy connections (DESIGN.md section 7): sessions watch themselves.
    connectionMonitor: { enabled: false },
    // The defaults (5 a second and host, 10 pending) drop most of a flash crowd; our own limits are at our protocol.
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      inboundConnectionThreshold: MAX_CONNECTIONS,
      maxIncomingPendingConnections: pendingConnections,
      maxParallelDials: PARALLEL_DIALS_OF_ALL
    },
    ...(options.gater !== undefined && { connectionGater: options.gater }),
    start: false
  })
  try {
    await node.start()
  } catch (err) {
    await node.stop()
    throw err
  }
  return node
}

const LISTEN_FAILURES: ReadonlyArray<readonly [string, string]> = [
  ['EACCES', 'the system reserves the port for others (EACCES)'],
  ['EADDRINUSE', 'the port is taken (EADDRINUSE)'],
  ['EADDRNOTAVAIL', 'the address is not this machine\'s (EADDRNOTAVAIL)']
]

/** libp2p gives what the system said as text, where it gives it. */
function whyNot (err: unknown): string {
  const text = err instanceof Error ? err.message : ''
  const known = LISTEN_FAILURES.find(([code]) => text.includes(code))
  return known?.[1] ?? 'the port is taken or reserved, or the address is not this machine\'s'
}
