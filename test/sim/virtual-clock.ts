import type { Clock } from '../../src/swarm/ports.ts'

/** A timer that can be cancelled: its function is gone then, or once it ran. */
interface Timer { fn: (() => void) | undefined }

/** After so many instants the process's own events get a turn: signals, a test's time limit. */
const INSTANTS_PER_TURN = 10_000
/** Cancelled timers are swept out when they are more than half of all, and more than this. */
const LEAST_SWEPT = 1024
/** Children of a node of the heap: four lie together in memory, and half as many levels are walked as with two. */
const ARITY = 4

/**
 * Virtual time in ms: a heap of events, its keys in columns of numbers. Equal times run in the order they were asked
 * for, so a run is repeatable.
 */
export class VirtualClock implements Clock {
  #now = 0
  #order = 0
  #size = 0
  #at = new Float64Array(1024)
  #orders = new Float64Array(1024)
  readonly #tasks: Array<(() => void) | Timer | undefined> = []
  #cancelled = 0
  /** Events run so far. */
  events = 0

  now = (): number => this.#now

  /** Events that are still to come. */
  get pending (): number {
    return this.#size - this.#cancelled
  }

  /** Calls `fn` once, after so many ms. */
  after (ms: number, fn: () => void): void {
    this.#push(this.#now + Math.max(0, ms), this.#order++, fn)
  }

  setTimer = (ms: number, fn: () => void): (() => void) => {
    const timer: Timer = { fn }
    this.#push(this.#now + Math.max(0, ms), this.#order++, timer)
    return () => {
      if (timer.fn === undefined) return
      timer.fn = undefined
      this.#cancelled++
      if (this.#cancelled > LEAST_SWEPT && this.#cancelled * 2 > this.#size) this.#sweep()
    }
  }

  /**
   * Runs until nothing is left, `until` says so, or the time is over. Microtasks run dry after each instant;
   * `onInstant` is told of the next one before time goes on to it.
   */
  async run (options: { untilMs: number, until?: () => boolean, onInstant?: (now: number) => void }): Promise<void> {
    const { untilMs, until, onInstant } = options
    await turn()
    for (let instants = 1; this.#size > 0 && until?.() !== true; instants++) {
      const now = this.#at[0] ?? 0
      if (now > untilMs) break
      onInstant?.(now)
      this.#now = now
      while (this.#size > 0 && (this.#at[0] ?? 0) <= now) this.#runFirst()
      await (instants % INSTANTS_PER_TURN === 0 ? turn() : settle())
    }
  }

  #runFirst (): void {
    const task = this.#tasks[0]
    this.#pop()
    if (typeof task === 'function') {
      this.events++
      task()
    } else if (task?.fn === undefined) {
      this.#cancelled--
    } else {
      const { fn } = task
      task.fn = undefined
      this.events++
      fn()
    }
  }

  /** Rare and cheap against what it saves: most timers of the swarm code are set to be cancelled. */
  #sweep (): void {
    const { length } = this.#tasks
    const [at, orders, tasks] = [this.#at.slice(0, length), this.#orders.slice(0, length), this.#tasks.splice(0)]
    this.#size = 0
    this.#cancelled = 0
    tasks.forEach((task, i) => {
      if (typeof task === 'function' || task?.fn !== undefined) this.#push(at[i] ?? 0, orders[i] ?? 0, task)
    })
  }

  #push (at: number, order: number, task: (() => void) | Timer): void {
    let i = this.#size++
    if (i === this.#at.length) {
      this.#at = doubled(this.#at)
      this.#orders = doubled(this.#orders)
    }
    this.#tasks.push(task)
    while (i > 0) {
      const parent = Math.floor((i - 1) / ARITY)
      if (!this.#isBefore(at, order, parent)) break
      this.#move(parent, i)
      i = parent
    }
    this.#put(i, at, order, task)
  }

  /** Takes the first one off. */
  #pop (): void {
    const last = --this.#size
    const at = this.#at[last] ?? 0
    const order = this.#orders[last] ?? 0
    const task = this.#tasks.pop()
    if (last === 0) return
    let i = 0
    for (;;) {
      const first = ARITY * i + 1
      if (first >= last) break
      let least = first
      for (let child = first + 1; child < first + ARITY && child < last; child++) {
        if (this.#isBefore(this.#at[child] ?? 0, this.#orders[child] ?? 0, least)) least = child
      }
      if (this.#isBefore(at, order, least)) break
      this.#move(least, i)
      i = least
    }
    this.#put(i, at, order, task)
  }

  #isBefore (at: number, order: number, other: number): boolean {
    const otherAt = this.#at[other] ?? 0
    return at < otherAt || (at === otherAt && order < (this.#orders[other] ?? 0))
  }

  #move (from: number, to: number): void {
    this.#put(to, this.#at[from] ?? 0, this.#orders[from] ?? 0, this.#tasks[from])
  }

  #put (i: number, at: number, order: number, task: (() => void) | Timer | undefined): void {
    this.#at[i] = at
    this.#orders[i] = order
    this.#tasks[i] = task
  }
}

function doubled (column: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2)
  larger.set(column)
  return larger
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
