// Peer records that are forged, useless or without end, sent to a node that looks for peers.
import { createServer } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, it, onTestFinished } from 'vitest'
import { PARALLEL_DIALS } from '../../src/defaults.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { ByeReason } from '../../src/wire/protocol.ts'
import { addrOf, eventually, startNode, target } from '../node/nodes.ts'
import { honestModel, rawSeeder } from './raw-seeder.ts'
import type { RawSession } from './raw-peer.ts'
import type { AddressInfo } from 'node:net'
import type { Node } from '../../src/index.ts'

interface Attack {
  session: RawSession
  puller: Node
  notes: string[]
  /** Lets the honest peer give the model, and waits for the pull. */
  finish: () => Promise<void>
}

/** A node pulls; the attacker is a peer of it, an honest one gives nothing yet. */
async function pulling (): Promise<Attack> {
  const model = await honestModel()
  const { promise, resolve } = Promise.withResolvers<void>()
  const attacker = await rawSeeder(model, { from: promise })
  const honest = await rawSeeder(model, { from: promise })
  const notes: string[] = []
  const puller = await startNode({ onNote: note => { notes.push(note) } })
  const pulled = puller.pull(String(model.root), await target(), { peers: [attacker.peer.addr, honest.peer.addr] })
  const session = await attacker.session
  return {
    session,
    puller,
    notes,
    finish: async () => {
      resolve()
      await pulled
    }
  }
}

async function record (addrs: string[], own: { isForged?: boolean } = {}): Promise<Uint8Array> {
  const key = await generateKeyPair('Ed25519')
  const named = own.isForged === true ? await generateKeyPair('Ed25519') : key
  const multiaddrs = addrs.map(addr => multiaddr(addr))
  const peerRecord = new PeerRecord({ peerId: peerIdFromPrivateKey(named), multiaddrs })
  return (await RecordEnvelope.seal(peerRecord, key)).marshal()
}

it.each<[string, () => Promise<Uint8Array>]>([
  ['signed by another than it names', async () => await record(['/ip4/127.0.0.1/tcp/9'], { isForged: true })],
  ['whose signature is not of its bytes', async () => {
    const bytes = (await record(['/ip4/127.0.0.1/tcp/9'])).slice()
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
    return bytes
  }]
])('a record %s ends the session, and who sent it is refused for long', async (_, make) => {
  const { session, notes, finish } = await pulling()
  session.control.send({ type: 'peers', records: [await make()] })
  expect(await session.bye()).toBe(ByeReason.protocolError)
  await finish()
  expect(notes).toEqual([expect.stringMatching(/refused for 10 min: Peer sent (?!.*Peer sent).*\(ERR_BAD_RECORD\)/)])
})

it('more records than there may be in a message are a bad frame', async () => {
  const { session, notes, finish } = await pulling()
  const one = await record(['/ip4/127.0.0.1/tcp/9'])
  session.control.send({ type: 'peers', records: Array.from({ length: WIRE_LIMITS.peerRecords + 1 }, () => one) })
  await session.control.ended
  await finish()
  expect(notes).toEqual([expect.stringContaining('(ERR_BAD_FRAME)')])
})

it('records without end are looked at slowly and dialled a few at a time', async () => {
  let open = 0
  let most = 0
  const seen = new Set<number>()
  const server = createServer(socket => {
    most = Math.max(most, ++open)
    seen.add(socket.remotePort ?? 0)
    socket.on('close', () => { open-- })
    socket.on('error', () => {})
    // It never answers: each dial is held up until the test lets go of it.
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const address: AddressInfo | string | null = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const sockets = new Set<{ destroy: () => void }>()
  server.on('connection', socket => { sockets.add(socket) })
  onTestFinished(() => { server.close() })
  const { session, notes, puller, finish } = await pulling()
  const records = await Promise.all(Array.from({ length: 600 }, async () => await record([`/ip4/127.0.0.1/tcp/${port}`])))
  for (let at = 0; at < records.length; at += 32) {
    session.control.send({ type: 'peers', records: records.slice(at, at + 32) })
  }
  session.control.send({ type: 'alive', answer: false })
  await eventually(() => session.control.all('alive').some(({ answer }) => answer), 'all was taken')
  await eventually(() => seen.size >= PARALLEL_DIALS, 'some are dialled')
  await finish()
  expect(most).toBeLessThanOrEqual(PARALLEL_DIALS)
  expect([notes, session.control.isEnded]).toEqual([[], false])
  for (const socket of sockets) socket.destroy()
  await puller.stop()
})

it('its own addresses under another name, addresses that no one can dial, and what is no record, do no harm', async () => {
  const { session, notes, puller, finish } = await pulling()
  const own = addrOf(puller).replace(/\/p2p\/.*/, '')
  const records = await Promise.all([[own], [], ['/ip4/127.0.0.1/udp/1/quic-v1'], ['/ip4/0.0.0.0/tcp/1'], ['/dns4/localhost/tcp/1']]
    .map(async addrs => await record(addrs)))
  session.control.send({ type: 'peers', records: [new Uint8Array(100).fill(9), ...records] })
  session.control.send({ type: 'alive', answer: false })
  await eventually(() => session.control.all('alive').some(({ answer }) => answer), 'all was taken')
  await finish()
  expect([notes, session.control.isEnded]).toEqual([[], false])
})
