// What needs time or addresses that a test on loopback has not: slow peers, floods of streams, who comes back.
import { describe, expect, it, vi } from 'vitest'
import { KEEPALIVE_MS, OFFENCE_HALF_LIFE_MS } from '../../src/defaults.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { ByeReason } from '../../src/wire/protocol.ts'
import { encodeFrame } from '../../src/wire/codec.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { proofOf } from './instant-proof.ts'
import { MemoryChannel } from './memory-channel.ts'
import { memoryModel, MemoryNode, pass } from './memory-node.ts'
import { Puppet } from './puppet.ts'
import type { Message } from '../../src/wire/messages.ts'

vi.mock('../../src/swarm/proof.ts', async () => await import('./instant-proof.ts'))

const EMPTY = new Uint8Array(0)
const HOST = '/ip4/203.0.113.7/tcp/4001'

async function seeder (): Promise<MemoryNode> {
  return new MemoryNode('node', new VirtualClock(), await memoryModel(16)).serve()
}

function controlTo (node: MemoryNode, id: string, addr?: string): MemoryChannel {
  const [near, far] = MemoryChannel.pair(node.clock)
  node.reception.acceptControl(far, id, addr).catch((err: unknown) => { throw err })
  return near.listen()
}

async function hello (node: MemoryNode, id: string): Promise<Message> {
  const proof = await proofOf(node.swarm.root, id, node.id)
  return { type: 'hello', proof, features: 0, encodings: [0], mode: 0, tree: false, token: EMPTY }
}

const byesOf = (channel: MemoryChannel): number[] => channel.received.flatMap(one => one.type === 'bye' ? [one.reason] : [])

/** Sends a byte a second for so long. */
async function trickle (node: MemoryNode, channel: MemoryChannel, bytes: Uint8Array, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    channel.sendBytes(bytes.subarray(i % bytes.byteLength, i % bytes.byteLength + 1))
    await pass(node.clock, 1000)
  }
}

describe('a node gives up, and blames nobody for,', () => {
  it('a hello of one byte a second', async () => {
    const node = await seeder()
    const control = controlTo(node, 'slow')
    await trickle(node, control, encodeFrame(await hello(node, 'slow')), WIRE_LIMITS.helloMs / 1000 + 1)
    expect([control.ends.length, node.refusals]).toEqual([1, []])
  })

  it('a control message of one byte a second: nothing whole comes, the session ends as a silent one', async () => {
    const node = await seeder()
    const puppet = await Puppet.meet(node, { id: 'slow' })
    const bytes = encodeFrame({ type: 'holdings', blocks: 16, all: false, bits: EMPTY, unwanted: EMPTY })
    const frame = new Uint8Array(500).fill(0)
    frame.set([0xff, 0xff, 0x0f, ...bytes])
    await trickle(node, puppet.control, frame, 4 * KEEPALIVE_MS / 1000)
    expect([puppet.isOver, node.refusals]).toEqual([true, []])
  })

  it('a session whose data stream is never attached', async () => {
    const node = await seeder()
    const control = controlTo(node, 'slow')
    control.send(await hello(node, 'slow'))
    await pass(node.clock, WIRE_LIMITS.helloMs + 100)
    expect([byesOf(control), node.refusals]).toEqual([[ByeReason.stopping], []])
  })
})

describe('streams', () => {
  it('that one peer opens without end are a flood; others are let in meanwhile', async () => {
    const node = await seeder()
    const streams: MemoryChannel[] = []
    for (let i = 0; i < WIRE_LIMITS.streamBurst + WIRE_LIMITS.streamsPerSec + 1; i++) {
      const stream = controlTo(node, 'flooder')
      streams.push(stream)
      stream.abort(new Error('next'))
      if (i % 100 === 0) await pass(node.clock, 20)
    }
    await pass(node.clock, 100)
    expect(node.refusals).toEqual([['flooder', 'ERR_FLOOD']])
    await Puppet.meet(node, { id: 'honest' })
    expect(node.swarm.sessions.has('honest')).toBe(true)
  })

  it('of a pull of 256 models, all at once, are none', async () => {
    const node = await seeder()
    for (let i = 0; i < 256; i++) {
      const stream = controlTo(node, 'busy')
      stream.send(await hello(node, 'busy'))
      await pass(node.clock, 1)
    }
    await pass(node.clock, 1000)
    expect(node.refusals).toEqual([])
  })

  it('that say nothing make room, those of the peer that has most first', async () => {
    const node = await seeder()
    const hogs: MemoryChannel[] = []
    for (let i = 0; i < WIRE_LIMITS.pendingHellos; i++) hogs.push(controlTo(node, `hog-${i % 16}`))
    const patient = controlTo(node, 'patient')
    const [, ...more] = Array.from({ length: 10 }, (_, i) => controlTo(node, `late-${i}`))
    await pass(node.clock, 100)
    expect(hogs.filter(hog => hog.ends.length > 0)).toHaveLength(11)
    expect([patient, ...more].filter(one => one.ends.length > 0)).toEqual([])
    patient.send(await hello(node, 'patient'))
    await pass(node.clock, 100)
    expect(patient.received[0]?.type).toBe('hello')
    expect(node.refusals).toEqual([])
  })
})

describe('an offender', () => {
  it('gets Bye(refused) when it comes back, until its offence has decayed', async () => {
    const node = await seeder()
    const puppet = await Puppet.meet(node, { id: 'offender' })
    puppet.say({ type: 'attach', token: EMPTY })
    await puppet.wait(100)
    expect([puppet.byes, node.refusals]).toEqual([[ByeReason.protocolError], [['offender', 'ERR_PROTOCOL']]])
    await pass(node.clock, OFFENCE_HALF_LIFE_MS - 10_000)
    const early = controlTo(node, 'offender')
    early.send(await hello(node, 'offender'))
    await pass(node.clock, 100)
    expect(early.received).toEqual([{ type: 'bye', reason: ByeReason.refused }])
    await pass(node.clock, 20_000)
    const late = controlTo(node, 'offender')
    late.send(await hello(node, 'offender'))
    await pass(node.clock, 100)
    expect(late.received[0]?.type).toBe('hello')
  })

  it('may come back with fresh keys so often; then strangers from its address are refused, and known peers are not', async () => {
    const node = await seeder()
    const neighbour = controlTo(node, 'neighbour', HOST)
    neighbour.send(await hello(node, 'neighbour'))
    await pass(node.clock, 100)
    let tries = 0
    for (;; tries++) {
      const control = controlTo(node, `key-${tries}`, HOST)
      control.send(await hello(node, `key-${tries}`))
      await pass(node.clock, 50)
      if (byesOf(control).includes(ByeReason.refused)) break
      control.send({ type: 'attach', token: EMPTY })
      await pass(node.clock, 50)
      expect(byesOf(control)).toEqual([ByeReason.protocolError])
    }
    expect(tries).toBeGreaterThanOrEqual(16)
    expect(tries).toBeLessThan(20)
    expect(node.swarm.sessions.has('neighbour')).toBe(true)
    const elsewhere = controlTo(node, 'elsewhere', '/ip4/203.0.113.8/tcp/1')
    elsewhere.send(await hello(node, 'elsewhere'))
    await pass(node.clock, 100)
    expect(elsewhere.received[0]?.type).toBe('hello')
  })
})
