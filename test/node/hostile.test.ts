// Peers that mean harm, on real connections: a raw libp2p node speaks to ours, or serves it wrong blocks.
import { multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { proofOf } from '../../src/swarm/proof.ts'
import { streamChannel } from '../../src/wire/channel.ts'
import { encodeFrame } from '../../src/wire/codec.ts'
import { CONTROL_PROTOCOL, DATA_PROTOCOL } from '../../src/wire/protocol.ts'
import { noise } from '../model/tree-fixtures.ts'
import { addrOf, eventually, printsOf, startNode, target, writeFiles } from './nodes.ts'
import { playedSeeder } from './played-seeder.ts'
import { rawLibp2p } from './raw-libp2p.ts'
import type { Libp2p, Stream } from '@libp2p/interface'
import type { Node, PullEvent } from '../../src/index.ts'

const FILES = { 'w.bin': noise(1, 2_000_000) }

async function open (raw: Libp2p, node: Node, protocol: string): Promise<{ stream: Stream, closed: Promise<void> }> {
  const stream = await raw.dialProtocol(multiaddr(addrOf(node)), protocol)
  const closed = new Promise<void>(resolve => {
    stream.addEventListener('close', () => { resolve() })
    stream.addEventListener('remoteCloseWrite', () => { resolve() })
    stream.addEventListener('message', () => {})
  })
  return { stream, closed }
}

/** Sends as long as the stream takes it. */
function pour (stream: Stream, bytes: Uint8Array, times: number): void {
  for (let i = 0; i < times && stream.writeStatus === 'writable'; i++) stream.send(bytes)
}

describe('a node', () => {
  it.each<[string, string, Uint8Array, number]>([
    ['garbage on the control stream', CONTROL_PROTOCOL, noise(9, 4000), 1],
    ['garbage on the data stream', DATA_PROTOCOL, noise(10, 4000), 1],
    ['a length of five bytes', CONTROL_PROTOCOL, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1), 1],
    ['an announced frame of 200 MB', CONTROL_PROTOCOL, Uint8Array.of(0xff, 0xff, 0xff, 0x5f), 1],
    ['megabytes of nothing known', DATA_PROTOCOL, encodeFrame({ type: 'want', upTo: 2 ** 50 }), 10_000],
    ['a block before anything else', DATA_PROTOCOL,
      encodeFrame({ type: 'block', index: 0, cid: undefined, payloadBytes: 2_000_000, encoding: 0 }), 1]
  ])('ends a stream that brings %s, and serves others as before', async (_, protocol, bytes, times) => {
    const publisher = await startNode()
    const model = await publisher.publish(await writeFiles(FILES))
    const raw = await rawLibp2p()
    const { stream, closed } = await open(raw, publisher, protocol)
    pour(stream, bytes, times)
    await closed
    const pulled = await (await startNode()).pull(model.link, await target())
    expect(pulled.bytes).toBe(model.bytes)
  })

  it('ends a peer that knows the root and sends blocks nobody asked for', async () => {
    const publisher = await startNode()
    const model = await publisher.publish(await writeFiles(FILES))
    const raw = await rawLibp2p()
    const ourId = raw.peerId.toString()
    const control = await raw.dialProtocol(multiaddr(addrOf(publisher)), CONTROL_PROTOCOL)
    const hello = new Promise<Uint8Array>(resolve => {
      streamChannel(control, 'control').open({
        onMessage: message => { if (message.type === 'hello') resolve(message.token) },
        onBlockStart: () => {},
        onBlock: () => {},
        onUnknown: () => {},
        onBytes: () => {},
        onEnd: () => {}
      })
    })
    const proof = await proofOf(CID.parse(model.root), ourId, publisher.peerId)
    control.send(encodeFrame({
      type: 'hello', proof, features: 0, encodings: [0], mode: 0, tree: false, token: new Uint8Array(0)
    }))
    const token = await hello
    const data = await open(raw, publisher, DATA_PROTOCOL)
    data.stream.send(encodeFrame({ type: 'attach', token }))
    await eventually(() => publisher.swarm(model.root)?.peers === 1, 'the raw peer is in a session')
    const frame = encodeFrame({ type: 'block', index: 0, cid: undefined, payloadBytes: 3, encoding: 0 })
    pour(data.stream, Uint8Array.from([...frame, 1, 2, 3]), 3000)
    await data.closed
    await eventually(() => publisher.swarm(model.root)?.peers === 0, 'the session is over')
  })

  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['other bytes', bytes => bytes.fill(7)],
    ['no bytes', () => new Uint8Array(0)],
    ['too many bytes', bytes => Uint8Array.from([...bytes, 0])]
  ])('takes no block with %s, drops who sent it, and gets it elsewhere', async (_, spoil) => {
    const publisher = await startNode()
    const dir = await writeFiles(FILES)
    const model = await publisher.publish(dir)
    const { addr: bad } = await playedSeeder(FILES, { read: spoil })
    const notes: string[] = []
    const puller = await startNode()
    const out = await target()
    const onProgress = (event: PullEvent): void => { if (event.type === 'note') notes.push(event.message) }
    const failed = expect(puller.pull(model.root, out, { peers: [bad], onProgress })).rejects.toThrow('stopped')
    await eventually(() => notes.length > 0, 'the liar is noticed')
    await puller.stop()
    await failed
    expect(notes[0]).toMatch(/was dropped: .*other bytes than its name says/)
    const second = await startNode()
    await second.pull(model.link, out, { peers: [bad] })
    expect(await printsOf(out)).toEqual(await printsOf(dir))
  })
})
