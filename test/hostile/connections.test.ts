// Streams and connections by the hundred, that say nothing, or too much.
import { connect } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, it, onTestFinished } from 'vitest'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { ByeReason, CONTROL_PROTOCOL, DATA_PROTOCOL } from '../../src/wire/protocol.ts'
import { eventually } from '../node/nodes.ts'
import { rawPeer, seeder } from './victim.ts'
import type { RawPeer, RawStream } from './raw-peer.ts'

const victim = seeder()

/** The streams that were not reset while they were being opened. */
async function openMany (peer: RawPeer, count: number, protocol = CONTROL_PROTOCOL): Promise<RawStream[]> {
  const streams: RawStream[] = []
  // yamux ends a connection on which more than ten streams come before it has settled
  for (let size = 1; streams.length < count; size = 25) {
    const opened = Array.from({ length: size }, async () => await peer.open(victim().addr, protocol))
    const settled = await Promise.allSettled(opened)
    streams.push(...settled.flatMap(one => one.status === 'fulfilled' ? [one.value] : []))
    if (settled.some(one => one.status === 'rejected')) break
  }
  return streams
}

const openOf = (streams: RawStream[]): number => streams.filter(({ isEnded }) => !isEnded).length

it.each([CONTROL_PROTOCOL, DATA_PROTOCOL])('silent streams past a limit are reset, and blamed on nobody: %s', async protocol => {
  const peer = await rawPeer()
  const streams = await openMany(peer, 100, protocol)
  await eventually(() => openOf(streams) <= WIRE_LIMITS.pendingHellosPerPeer, 'some are reset')
  expect(openOf(streams)).toBe(WIRE_LIMITS.pendingHellosPerPeer)
  expect(victim().hasRefused(peer)).toBe(false)
  await victim().servesOthers()
})

it('silent streams of several peers leave room for who says hello', async () => {
  const peers = await Promise.all(Array.from({ length: 5 }, async () => await rawPeer()))
  const { pendingHellosPerPeer } = WIRE_LIMITS
  const silent = (await Promise.all(peers.map(async peer => await openMany(peer, pendingHellosPerPeer)))).flat()
  await eventually(() => openOf(silent) <= WIRE_LIMITS.pendingHellos, 'some make room')
  const { peer } = await victim().meet()
  expect(victim().hasRefused(peer)).toBe(false)
  await victim().servesOthers()
})

it('hellos about roots that are not here get the same answer each time', async () => {
  const peer = await rawPeer()
  const streams = await openMany(peer, 50)
  for (const stream of streams) {
    stream.send(await peer.hello(victim().root, victim().node.peerId, { proof: new Uint8Array(32) }))
  }
  for (const stream of streams) {
    await stream.ended
    expect(stream.received).toEqual([{ type: 'bye', reason: ByeReason.unknownRoot }])
  }
  expect(victim().hasRefused(peer)).toBe(false)
})

it('connections of one peer past a limit are a flood, and the last of them to go', async () => {
  const peer = await rawPeer()
  for (let i = 0; i <= WIRE_LIMITS.connectionsPerPeer; i++) {
    await peer.libp2p.dial(multiaddr(victim().addr), { force: true })
  }
  expect(await victim().refusal(peer)).toBe('ERR_FLOOD')
  await eventually(() => peer.libp2p.getConnections().length === 0, 'all are closed')
  await victim().servesOthers()
})

it('connections of one address that stay in their handshake keep no other address out', async ({ skip }) => {
  const port = Number(/\/tcp\/(\d+)/.exec(victim().addr)?.[1])
  const addresses = ['127.0.0.2', '127.0.0.3']
  const sockets = addresses.flatMap(localAddress => {
    return Array.from({ length: 150 }, () => connect({ host: '127.0.0.1', port, localAddress }))
  })
  onTestFinished(() => { for (const socket of sockets) socket.destroy() })
  const open = new Set(sockets)
  let cannot = ''
  for (const socket of sockets) {
    socket.on('error', err => { if (!/ECONNRESET|EPIPE/.test(err.message)) cannot = err.message })
    socket.on('close', () => { open.delete(socket) })
    socket.resume()
  }
  const most = addresses.length * WIRE_LIMITS.pendingConnectionsPerAddress
  await eventually(() => cannot !== '' || open.size <= most, 'the rest is turned away')
  if (cannot !== '') skip(`this machine has no other loopback addresses: ${cannot}`)
  expect(open.size).toBe(most)
  const { peer } = await victim().meet()
  expect(victim().hasRefused(peer)).toBe(false)
})

it('a session that takes the place of another again and again leaves one', async () => {
  const peer = await rawPeer()
  const first = await peer.meet(victim().addr, victim().root)
  for (let i = 0; i < 20; i++) await peer.meet(victim().addr, victim().root)
  expect(await first.bye()).toBe(ByeReason.duplicate)
  await victim().servesOthers()
})

it('a node gives everything to an honest peer after all that', async () => {
  await victim().givesAll()
})
