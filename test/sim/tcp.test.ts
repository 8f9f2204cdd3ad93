import { describe, expect, it } from 'vitest'
import { ShapedNode } from './shaped-node.ts'
import { VirtualClock } from './virtual-clock.ts'
import type { Line } from './network.ts'

/** 10 Mbit/s, on the wire. */
const RATE = 1250
const LATENCY_MS = 5
const KIB = 1024

interface Flow { readonly line: Line, got: number, lastAt: number }

/** Sends so many bytes in frames of 64 KiB. */
function flow (clock: VirtualClock, from: ShapedNode, to: ShapedNode, bytes: number): Flow {
  const [line] = from.connect(to, LATENCY_MS)
  const flow: Flow = { line, got: 0, lastAt: 0 }
  for (let left = bytes; left > 0; left -= 64 * KIB) {
    line.push({
      bytes: Math.min(left, 64 * KIB),
      sent: 0,
      deliver: count => {
        flow.got += count
        flow.lastAt = clock.now()
      }
    })
  }
  return flow
}

function node (clock: VirtualClock, rate = RATE): ShapedNode {
  return new ShapedNode(clock, { upBytesPerMs: rate, downBytesPerMs: rate })
}

describe('a shaped TCP connection', () => {
  it('fills its link, and all its bytes arrive', async () => {
    const clock = new VirtualClock()
    const bytes = 4096 * KIB
    const one = flow(clock, node(clock), node(clock), bytes)
    await clock.run({ untilMs: 60_000 })
    expect(one.got).toBe(bytes)
    const leastMs = bytes * (1448 + 66) / 1448 / RATE
    expect(one.lastAt).toBeGreaterThan(0.99 * leastMs)
    expect(one.lastAt).toBeLessThan(1.05 * leastMs)
  })

  it('loses packets where many meet, sends them again, and the link stays in use', async () => {
    const clock = new VirtualClock()
    const [to, bytes] = [node(clock), 1024 * KIB]
    const flows = Array.from({ length: 8 }, () => flow(clock, node(clock), to, bytes))
    await clock.run({ untilMs: 60_000 })
    expect(flows.map(({ got }) => got)).toEqual(flows.map(() => bytes))
    expect(to.down.drops).toBeGreaterThan(10)
    const leastMs = 8 * bytes * (1448 + 66) / 1448 / RATE
    expect(Math.max(...flows.map(({ lastAt }) => lastAt))).toBeLessThan(1.1 * leastMs)
  })

  it('says when its socket is full, and when it takes more', async () => {
    const clock = new VirtualClock()
    const { line } = flow(clock, node(clock), node(clock), 256 * KIB)
    expect(line.isFull).toBe(true)
    let drainedAt: number | undefined
    line.onDrain(() => { drainedAt = clock.now() })
    await clock.run({ untilMs: 60_000 })
    expect(line.isFull).toBe(false)
    expect(drainedAt).toBeGreaterThan(100)
  })

  it('whose only packet was lost sends it again within a timeout', async () => {
    const clock = new VirtualClock()
    const [from, to] = [node(clock), node(clock)]
    // The down-link is full for the next 50 ms and more.
    while (to.down.pass(1514, 0) !== undefined) { /* filling */ }
    const one = flow(clock, from, to, 100)
    clock.setTimer(LATENCY_MS, () => { while (to.down.pass(1514, clock.now()) !== undefined) { /* filling */ } })
    await clock.run({ untilMs: 60_000 })
    expect(one.got).toBe(100)
    expect(one.lastAt).toBeLessThan(1500)
  })
})
