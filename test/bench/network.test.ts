import { describe, expect, it } from 'vitest'
import { BURST_MS, TURN_BYTES } from '../../bench/network/link.ts'
import { Network } from '../../bench/network/network.ts'
import type { Flow } from '../../bench/network/flow.ts'

const RATE = 5_000_000
const RTT_MS = 10
const CHUNK_BYTES = 64 * 1024

function star (nodes: number, { rate = RATE, rttMs = RTT_MS } = {}): Network {
  const network = new Network({ rttMs })
  for (let i = 0; i < nodes; i++) network.addNode({ upBytesPerSec: rate, downBytesPerSec: rate })
  return network
}

interface RunOptions {
  flows: readonly Flow[]
  ms: number
  /** What each flow has to send; for ever by default. */
  bytes?: number
  /** How often the process wakes. */
  stepMs?: number
}

/** Runs senders that always have more; what was delivered of each flow. */
function run (network: Network, options: RunOptions): Array<{ bytes: number }> {
  const { flows, ms, bytes = Infinity, stepMs = 1 } = options
  const got = flows.map(() => ({ bytes: 0 }))
  const left = flows.map(() => bytes)
  for (let now = 0; now <= ms; now += stepMs) {
    flows.forEach((flow, i) => {
      while (!flow.isFull && (left[i] ?? 0) > 0) {
        const chunk = new Uint8Array(Math.min(CHUNK_BYTES, left[i] ?? 0))
        left[i] = (left[i] ?? 0) - chunk.byteLength
        network.send(flow, chunk, now)
      }
    })
    for (const delivery of network.advance(now)) {
      const one = got[flows.findIndex(flow => flow === delivery.flow)]
      if (one === undefined) throw new Error('A delivery of no flow')
      one.bytes += delivery.bytes
    }
  }
  return got
}

describe('the shaped network of the bench', () => {
  it('carries one flow at its rate, also when the process wakes late', () => {
    for (const stepMs of [1, 15, 80]) {
      const network = star(2)
      const [flow] = run(network, { flows: [network.connect(0, 1)], ms: 4000, stepMs })
      const most = RATE * 4
      expect(flow?.bytes).toBeLessThanOrEqual(most + RATE * BURST_MS / 1000)
      expect(flow?.bytes).toBeGreaterThan(most * 0.95)
    }
  })

  it('lets no link save up for later while it has nothing to send', () => {
    const network = star(2)
    const flow = network.connect(0, 1)
    run(network, { flows: [flow], ms: 500, bytes: 1_000_000 })
    network.send(flow, new Uint8Array(1_000_000), 10_000)
    const early = network.advance(10_100).reduce((sum, { bytes }) => sum + bytes, 0)
    expect(early).toBeLessThanOrEqual(RATE * (0.1 - RTT_MS / 2 / 1000) + RATE * BURST_MS / 1000 + TURN_BYTES)
    expect(early).toBeGreaterThan(0)
  })

  it('shares a sender\'s link equally, and a receiver\'s', () => {
    for (const [from, to] of [[0, 1], [1, 0]] as const) {
      const network = star(5)
      const flows = [0, 1, 2, 3].map(i => network.connect(from === 0 ? 0 : i + 1, to === 0 ? 0 : i + 1))
      const got = run(network, { flows, ms: 4000 }).map(({ bytes }) => bytes)
      for (const bytes of got) expect(bytes / (RATE * 4 / flows.length)).toBeCloseTo(1, 1)
    }
  })

  it('gives what one flow cannot use to the others', () => {
    const network = star(4)
    // node 3 gets from node 2 only what its link has left beside two others of its own
    const flows = [network.connect(0, 1), network.connect(0, 2), network.connect(3, 2)]
    const got = run(network, { flows, ms: 4000 }).map(({ bytes }) => bytes / (RATE * 4))
    expect((got[0] ?? 0) + (got[1] ?? 0)).toBeGreaterThan(0.95)
    expect((got[1] ?? 0) + (got[2] ?? 0)).toBeGreaterThan(0.95)
  })

  it('adds half a round trip to every byte', () => {
    const network = star(2, { rate: 1e9, rttMs: 80 })
    const flow = network.connect(0, 1)
    network.send(flow, new Uint8Array(100), 1000)
    expect(network.nextAtMs).toBeLessThanOrEqual(1000)
    expect(network.advance(1039.9)).toHaveLength(0)
    expect(network.advance(1040.1)).toHaveLength(1)
  })

  it('begins slowly, and fills a long path all the same', () => {
    const network = star(2, { rate: 25_000_000, rttMs: 100 })
    const flow = network.connect(0, 1)
    // one first window a round trip at first: two turns at most have arrived before the first acknowledgement
    const [first] = run(network, { flows: [flow], ms: 140 })
    expect(first?.bytes).toBeLessThanOrEqual(2 * TURN_BYTES)
    const other = star(2, { rate: 25_000_000, rttMs: 100 })
    const [whole] = run(other, { flows: [other.connect(0, 1)], ms: 10_000 })
    expect(whole?.bytes).toBeGreaterThan(0.9 * 250_000_000)
  })

  it('holds a sender back when its receiver does not read', () => {
    const network = star(3)
    const deaf = network.connect(0, 1)
    const other = network.connect(0, 2)
    deaf.hold()
    const [stuck, free] = run(network, { flows: [deaf, other], ms: 4000 })
    expect(stuck?.bytes).toBeLessThan(RATE * 0.1)
    expect(deaf.isFull).toBe(true)
    expect(deaf.waitingBytes).toBeLessThan(RATE * 0.2)
    expect(free?.bytes).toBeGreaterThan(RATE * 4 * 0.9)
    network.release(deaf, 4000)
    network.advance(4500)
    expect(deaf.waitingBytes).toBe(0)
  })

  it('delivers bytes in their order, and forgets a flow that was closed', () => {
    const network = star(2)
    const flow = network.connect(0, 1)
    const sent = Uint8Array.from({ length: 200_000 }, (_, i) => i * 7)
    for (let at = 0; at < sent.length; at += 33_333) network.send(flow, sent.slice(at, at + 33_333), 0)
    const chunks: Uint8Array[] = []
    for (let now = 0; flow.waitingBytes > 0; now++) {
      for (const delivery of network.advance(now)) {
        chunks.push(...delivery.chunks)
      }
    }
    expect(Buffer.concat(chunks).equals(sent)).toBe(true)
    network.send(flow, new Uint8Array(100_000), 5000)
    network.advance(5001)
    network.close(flow)
    expect(network.advance(60_000)).toHaveLength(0)
    expect(network.nextAtMs).toBe(Infinity)
  })
})
