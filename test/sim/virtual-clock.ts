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
    await new Promise<void>((resolve, reject) => {
      let isOver = false
      const step = (): void => {
        if (isOver) return
        try {
          isOver = options.until?.() === true || !this.#runInstant(options.untilMs)
          if (isOver) resolve()
        } catch (err) {
          isOver = true
          reject(err)
        }
      }
      // Node runs microtasks dry between two immediates; a turn of its event loop for each would cost more than most
      // instants.
      const batch = (): void => {
        for (let i = 0; i < BATCH; i++) setImmediate(step)
        setImmediate(() => { if (!isOver) batch() })
      }
      batch()
    })
  }

  /** False when nothing is left until then. */
  #runInstant (untilMs: number): boolean {
    const first = this.#heap[0]
    if (first === undefined || first.at > untilMs) return false
    this.#now = first.at
    for (let next = this.#heap[0]; next !== undefined && next.at <= this.#now; next = this.#heap[0]) {
      this.#pop()
      if (next.fn === undefined) continue
      this.events++
      next.fn()
    }
    return true
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

/** Instants that are run in one turn of the event loop. */
const BATCH = 64

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
