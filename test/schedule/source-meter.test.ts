import { describe, expect, it } from 'vitest'
import { CREDIT_QUEUE_MS, LIFE_BYTES, MAX_CREDIT_BYTES } from '../../src/defaults.ts'
import { SourceMeter } from '../../src/schedule/source-meter.ts'

const BLOCK = 64 * 1024
const MIB = 1024 * 1024

/** Bytes at this rate for so long, in blocks. */
function deliver (meter: SourceMeter, bytesPerMs: number, from: number, ms: number): number {
  const step = BLOCK / bytesPerMs
  let now = from
  while (now + step <= from + ms) {
    now += step
    meter.onBytes(now, BLOCK)
  }
  return now
}

describe('source meter', () => {
  it('gives a new source room for at least one block', () => {
    for (const block of [BLOCK, MIB]) expect(new SourceMeter().creditBytes(block)).toBeGreaterThanOrEqual(block)
  })

  it('finds the rate of a source, and a credit of one block + rate x (round trip + an allowance)', () => {
    const meter = new SourceMeter()
    meter.onRoundTrip(20)
    meter.onAsked(0)
    deliver(meter, 5000, 0, 10_000)
    expect(meter.rateBytesPerSec).toBeGreaterThan(4.5e6)
    expect(meter.rateBytesPerSec).toBeLessThan(5.5e6)
    expect(meter.creditBytes(BLOCK)).toBeCloseTo(BLOCK + meter.rateBytesPerSec / 1000 * (20 + CREDIT_QUEUE_MS), 0)
  })

  it('sees the rate of a source behind a long path, one block at a time', () => {
    const meter = new SourceMeter()
    meter.onRoundTrip(300)
    let now = 0
    for (let asked = 0; asked < 20; asked++) {
      meter.onAsked(now)
      // one block in flight, and its last part a moment after its first: 200 Mbit/s
      now += 300
      meter.onBytes(now, BLOCK / 4)
      now += 2
      meter.onBytes(now, BLOCK * 3 / 4)
    }
    // nothing but the first part came within a sample: the rate is not known yet, and two blocks may be asked for
    expect(meter.creditBytes(BLOCK)).toBeGreaterThanOrEqual(2 * BLOCK)
  })

  it('never gives more than the most, unless a block is larger', () => {
    const meter = new SourceMeter()
    meter.onAsked(0)
    deliver(meter, 1_000_000, 0, 2000)
    expect(meter.creditBytes(BLOCK)).toBe(MAX_CREDIT_BYTES)
    expect(meter.creditBytes(2 * MAX_CREDIT_BYTES)).toBe(2 * MAX_CREDIT_BYTES)
  })

  it('rises fast and falls slowly', () => {
    const meter = new SourceMeter()
    meter.onAsked(0)
    const now = deliver(meter, 5000, 0, 5000)
    const high = meter.rateBytesPerSec
    meter.onBytes(now + 200, 0)
    expect(meter.rateBytesPerSec).toBeGreaterThan(high * 0.75)
  })

  it('counts no time in which nothing was asked', () => {
    const meter = new SourceMeter()
    meter.onAsked(0)
    const now = deliver(meter, 5000, 0, 5000)
    const rate = meter.rateBytesPerSec
    meter.onIdle()
    meter.onAsked(now + 60_000)
    deliver(meter, 5000, now + 60_000, 300)
    expect(meter.rateBytesPerSec).toBeGreaterThan(rate * 0.9)
    expect(meter.lastBytesAt).toBeGreaterThan(now + 60_000)
  })

  it('shrinks to one block after a failure', () => {
    const meter = new SourceMeter()
    meter.onAsked(0)
    deliver(meter, 5000, 0, 1000)
    meter.onFailed()
    expect(meter.creditBytes(BLOCK)).toBeLessThan(BLOCK + 1)
    expect(meter.creditBytes(BLOCK)).toBeGreaterThanOrEqual(BLOCK)
  })

  it('takes the least of all round trips', () => {
    const meter = new SourceMeter()
    for (const ms of [80, 30, 500]) meter.onRoundTrip(ms)
    expect(meter.rttMs).toBe(30)
  })

  it('counts asking as a sign of life, so that a source has its time from then', () => {
    const meter = new SourceMeter()
    meter.onAsked(1000)
    expect(meter.lastBytesAt).toBe(1000)
    meter.onAsked(5000)
    expect(meter.lastBytesAt).toBe(1000)
  })

  it('takes a byte a second for silence', () => {
    const meter = new SourceMeter()
    meter.onAsked(1000)
    for (let second = 1; second < 60; second++) expect(meter.onBytes(1000 + second * 1000, 1)).toBe(false)
    expect(meter.lastBytesAt).toBe(1000)
    expect(meter.onBytes(61_000, LIFE_BYTES)).toBe(true)
    expect(meter.lastBytesAt).toBe(61_000)
  })
})
