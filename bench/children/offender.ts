// A hostile peer that goes on until it is stopped: one attack over and over, with a fresh key whenever it is refused.
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'
import { encodeFrame } from '../../src/wire/codec.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { ByeReason, CONTROL_PROTOCOL } from '../../src/wire/protocol.ts'
import { idIn, RawPeer } from '../../test/hostile/raw-peer.ts'
import { answer } from './answer.ts'
import type { RawSession } from '../../test/hostile/raw-peer.ts'
import type { Message } from '../../src/wire/messages.ts'

interface Target {
  readonly addr: string
  readonly root: CID
  readonly blocks: number
}

/** One round; it resolves when the node has ended it. Says how. */
type Attack = (peer: RawPeer, target: Target) => Promise<string>

const ATTACKS: Readonly<Record<string, Attack>> = {
  garbage: async (peer, { addr }) => {
    const stream = await peer.open(addr, CONTROL_PROTOCOL)
    await stream.pour(crypto.getRandomValues(new Uint8Array(4096)), 100)
    await stream.ended
    return 'reset'
  },
  'endless frames': inSession(async session => {
    await session.control.pour(Uint8Array.of(0xff, 0xff, 0xff, 1), 1)
    // a byte short of the end, held for as long as it may be
    await session.control.pour(new Uint8Array(64 * 1024), 63)
  }),
  'flood of have': inSession(async session => { await flood(session, { type: 'have', indexes: indexes(0) }) }),
  'flood of small have': inSession(async session => { await flood(session, { type: 'have', indexes: [0] }) }),
  'flood of alive': inSession(async session => { await flood(session, { type: 'alive', answer: false }) }),
  'requests for blocks we lack': inSession(async session => {
    await flood(session, { type: 'request', indexes: indexes(1e6), cids: [] })
  }),
  'asks for all, reads nothing': inSession(async (session, { blocks }) => {
    session.data.stopReading()
    session.control.send({ type: 'request', indexes: Array.from({ length: blocks }, (_, i) => i), cids: [] })
    session.control.send({ type: 'want', upTo: 2 ** 40, modes: 0 })
    await session.control.ended
  }),
  'blocks never asked for': inSession(async session => {
    const header = encodeFrame({ type: 'block', index: 0, cid: undefined, payloadBytes: 1024 * 1024, encoding: 0 })
    await session.data.pour(Uint8Array.from([...header, ...new Uint8Array(1024 * 1024)]), 1e6)
  }),
  'wrong blocks': inSession(async session => {
    session.onRequest(({ indexes }) => { for (const index of indexes) session.give(index, new Uint8Array(64 * 1024)) })
    await session.control.ended
  }, true),
  'a byte a second': inSession(async session => {
    const { index, stream } = { index: (await session.control.next('request')).indexes[0] ?? 0, stream: session.data }
    stream.send({ type: 'block', index, cid: undefined, payloadBytes: 64 * 1024, encoding: 0 })
    while (!stream.isEnded) {
      stream.sendBytes(Uint8Array.of(0))
      await new Promise(resolve => { setTimeout(resolve, 1000) })
    }
  }, true),
  'peer records without end': inSession(async session => {
    const records = await Promise.all(Array.from({ length: WIRE_LIMITS.peerRecords }, async () => {
      const key = await generateKeyPair('Ed25519')
      const named = new PeerRecord({ peerId: peerIdFromPrivateKey(key), multiaddrs: [multiaddr('/ip4/127.0.0.1/tcp/9')] })
      return (await RecordEnvelope.seal(named, key)).marshal()
    }))
    await flood(session, { type: 'peers', records })
  }),
  'streams without end': async (peer, { addr }) => {
    await (await peer.open(addr, CONTROL_PROTOCOL)).next('bye').catch(() => {})
    for (;;) {
      const opening = Array.from({ length: 20 }, async () => await peer.open(addr, CONTROL_PROTOCOL))
      const opened = (await Promise.allSettled(opening)).flatMap(one => one.status === 'fulfilled' ? [one.value] : [])
      if (opened.length === 0) return 'reset'
      if (opened.some(stream => stream.all('bye')[0]?.reason === ByeReason.refused)) return 'refused'
    }
  },
  'hellos about other roots': async (peer, { addr, root }) => {
    const hello = await peer.hello(root, idIn(addr), { proof: new Uint8Array(32) })
    for (;;) {
      const streams = await Promise.all(Array.from({ length: 10 }, async () => {
        const stream = await peer.open(addr, CONTROL_PROTOCOL)
        stream.send(hello)
        return await stream.next('bye')
      }))
      if (streams.some(({ reason }) => reason === ByeReason.refused)) return 'refused'
    }
  },
  'connections without end': async (peer, { addr }) => {
    await peer.libp2p.dial(multiaddr(addr))
    return 'connected'
  }
}

/** An attack within a session that began as an honest one. */
function inSession (act: (session: RawSession, target: Target) => Promise<void>, all = false): Attack {
  return async (peer, target) => {
    const session = await peer.meet(target.addr, target.root)
    session.hold(target.blocks, all)
    await act(session, target)
    const reason = await session.bye()
    return reason === undefined ? 'reset' : `Bye(${nameOf(reason)})`
  }
}

async function flood (session: RawSession, message: Message): Promise<void> {
  const frame = encodeFrame(message)
  const times = Math.max(1, Math.floor(64 * 1024 / frame.byteLength))
  const bytes = new Uint8Array(frame.byteLength * times)
  for (let i = 0; i < times; i++) bytes.set(frame, i * frame.byteLength)
  await session.control.pour(bytes, 1e6)
}

function indexes (first: number): number[] {
  return Array.from({ length: WIRE_LIMITS.indexes }, (_, i) => first + i % 8)
}

function nameOf (reason: number): string {
  return Object.entries(ByeReason).find(([, value]) => value === reason)?.[0] ?? String(reason)
}

const ends = new Map<string, number>()
const held: RawPeer[] = []
const MAX_HELD = 400

answer({
  /** Begins, and goes on; `rounds` and `ended` tell of it. */
  attack: async asked => {
    const target = { addr: asked.text('addr'), root: CID.parse(asked.text('root')), blocks: asked.number('blocks') }
    const attack = ATTACKS[asked.text('kind')]
    if (attack === undefined) throw new Error('No such attack')
    goOn(attack, target).catch((err: unknown) => { note(err instanceof Error ? err.message : 'failed') })
    return {}
  },
  ended: async () => ({
    rounds: [...ends.values()].reduce((sum, count) => sum + count, 0),
    ended: [...ends].sort((a, b) => b[1] - a[1]).slice(0, 2).map(([how, count]) => `${count} x ${how}`).join(', ')
  })
})

function note (how: string): void {
  ends.set(how, (ends.get(how) ?? 0) + 1)
}

async function goOn (attack: Attack, target: Target): Promise<void> {
  for (;;) {
    const peer = await RawPeer.start()
    try {
      note(await attack(peer, target))
    } catch (err) {
      note(err instanceof Error ? err.name : 'failed')
    }
    if (attack === ATTACKS['connections without end']) {
      held.push(peer)
      if (held.length > MAX_HELD) await held.shift()?.stop()
    } else {
      await peer.stop()
    }
  }
}
