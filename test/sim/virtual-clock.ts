import type { Clock } from '../../src/swarm/ports.ts'

interface Event {
  readonly at: number
  readonly order: number
  fn: (() => void) | undefined
}

/** Virtual time in ms: a heap of events. Equal times run in the order they were asked for, so a run is repeatable. */
export class VirtualClock implements Clock {
  #now = 0
  #order = 0
  readonly #heap: Event[] = []
  /** Events run so far. */
  events = 0

  now = (): number => this.#now

  setTimer = (ms: number, fn: () => void): (() => void) => {
    const event: Event = { at: this.#now + Math.max(0, ms), order: this.#order++, fn }
    this.#push(event)
    return () => { event.fn = undefined }
  }

  /** Events that are still to come. */
  get pending (): number {
    return this.#heap.filter(event => event.fn !== undefined).length
  }

  /** Runs until nothing is left, `until` says so, or the time is over. Microtasks run dry after each instant. */
  async run (options: { untilMs: number, until?: () => boolean }): Promise<void> {
    await settle()
    while (this.#heap.length > 0 && options.until?.() !== true) {
      const first = this.#heap[0]
      if (first === undefined || first.at > options.untilMs) break
      this.#now = first.at
      for (let next = this.#heap[0]; next !== undefined && next.at <= this.#now; next = this.#heap[0]) {
        this.#pop()
        if (next.fn === undefined) continue
        this.events++
        next.fn()
      }
      await settle()
    }
    if (this.#heap.length === 0 || options.until?.() !== true) this.#now = Math.max(this.#now, 0)
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

/** Lets every promise that can settle do so. */
async function settle (): Promise<void> {
  await new Promise(resolve => { setImmediate(resolve) })
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
