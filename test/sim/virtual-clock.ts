import type { Clock } from '../../src/swarm/ports.ts'

interface Event {
  readonly at: number
  readonly order: number
  /** Undefined once cancelled. */
  fn: (() => void) | undefined
  isWaiting: boolean
}

/** After so many instants the process's own events get a turn: signals, a test's time limit. */
const INSTANTS_PER_TURN = 10_000
/** Cancelled events are swept out when they are more than half of the heap, and more than this. */
const LEAST_SWEPT = 1024

/** Virtual time in ms: a heap of events. Equal times run in the order they were asked for, so a run is repeatable. */
export class VirtualClock implements Clock {
  #now = 0
  #order = 0
  #heap: Event[] = []
  #cancelled = 0
  /** Events run so far. */
  events = 0

  now = (): number => this.#now

  setTimer = (ms: number, fn: () => void): (() => void) => {
    const event: Event = { at: this.#now + Math.max(0, ms), order: this.#order++, fn, isWaiting: true }
    this.#push(event)
    return () => {
      if (!event.isWaiting || event.fn === undefined) return
      event.fn = undefined
      this.#cancelled++
      if (this.#cancelled > LEAST_SWEPT && this.#cancelled * 2 > this.#heap.length) this.#sweep()
    }
  }

  /** Runs until nothing is left, `until` says so, or the time is over. Microtasks run dry after each instant. */
  async run (options: { untilMs: number, until?: () => boolean, onInstant?: (now: number) => void }): Promise<void> {
    const { untilMs, until, onInstant } = options
    await turn()
    for (let instants = 1; this.#heap.length > 0 && until?.() !== true; instants++) {
      const first = this.#heap[0]
      if (first === undefined || first.at > untilMs) break
      onInstant?.(first.at)
      this.#now = first.at
      for (let next = this.#heap[0]; next !== undefined && next.at <= this.#now; next = this.#heap[0]) {
        this.#pop()
        next.isWaiting = false
        if (next.fn === undefined) {
          this.#cancelled--
          continue
        }
        this.events++
        next.fn()
      }
      await (instants % INSTANTS_PER_TURN === 0 ? turn() : settle())
    }
  }

  /** Rare and cheap against what it saves: most timers of the swarm code are set to be cancelled. */
  #sweep (): void {
    const left = this.#heap.filter(event => event.fn !== undefined)
    this.#heap = []
    for (const event of left) this.#push(event)
    this.#cancelled = 0
  }

  #push (event: Event): void {
    const heap = this.#heap
    let i = heap.length
    heap.push(event)
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isBefore(event, above)) break
      heap[i] = above
      i = parent
    }
    heap[i] = event
  }

  #pop (): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      const left = heap[child]
      if (left === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, left)) child++
      const least = heap[child]
      if (least === undefined || !isBefore(least, last)) break
      heap[i] = least
      i = child
    }
    heap[i] = last
  }
}

function isBefore (a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/**
 * Lets every promise that can settle do so. A tick asked for by a microtask comes after the last microtask; unlike
 * setImmediate it makes no round through the event loop, whose system calls took half of a run's time.
 */
async function settle (): Promise<void> {
  await new Promise<void>(resolve => { process.nextTick(resolve) })
}

/** The same, and a round through the event loop. */
async function turn (): Promise<void> {
  await new Promise<void>(resolve => { setImmediate(resolve) })
}

/** A seeded generator of uniform numbers in [0, 1): xorshift128, Marsaglia 2003. */
export function seededRandom (seed: number): () => number {
  let x = 123456789 ^ seed
  let y = 362436069 ^ (seed * 7919)
  let z = 521288629
  let w = 88675123 ^ (seed << 7)
  const next = (): number => {
    const t = x ^ (x << 11)
    x = y
    y = z
    z = w
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8)
    return (w >>> 0) / 4294967296
  }
  for (let i = 0; i < 16; i++) next()
  return next
}
