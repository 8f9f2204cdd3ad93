/** What had come by when: pairs of milliseconds since all were asked, and bytes verified and written; rising. */
export type Trace = ReadonlyArray<readonly [ms: number, bytes: number]>

/** A part of a pull: how long it took, and how long the link needs for the bytes that came in it. */
export interface Phase {
  readonly name: string
  /** From when to when, in ms since all were asked. */
  readonly fromMs: number
  readonly toMs: number
  readonly seconds: number
  /** What the link needs no less than: `seconds` minus this is lost. */
  readonly neededSeconds: number
}

const PARTS: ReadonlyArray<readonly [name: string, from: number, to: number]> = [
  ['first tenth', 0, 0.1],
  ['middle', 0.1, 0.9],
  ['last tenth', 0.9, 1]
]

/** Where the time of one pull went, over a link of so many bytes a second. */
export function phasesOf (trace: Trace, bytesPerSec: number): Phase[] {
  const total = trace.at(-1)?.[1] ?? 0
  const firstAt = trace.findLast(([, bytes]) => bytes === 0)?.[0] ?? 0
  const phases = [phase('until the first block', 0, firstAt, 0)]
  for (const [name, from, to] of PARTS) {
    const fromMs = from === 0 ? firstAt : timeOf(trace, from * total)
    phases.push(phase(name, fromMs, timeOf(trace, to * total), (to - from) * total / bytesPerSec))
  }
  return phases
}

function phase (name: string, fromMs: number, toMs: number, neededSeconds: number): Phase {
  return { name, fromMs, toMs, seconds: (toMs - fromMs) / 1000, neededSeconds }
}

/** When so many bytes had come; between two samples in proportion. */
function timeOf (trace: Trace, bytes: number): number {
  let [beforeMs, before] = [0, 0]
  for (const [ms, now] of trace) {
    if (now >= bytes) return now === before ? ms : beforeMs + (ms - beforeMs) * (bytes - before) / (now - before)
    beforeMs = ms
    before = now
  }
  return beforeMs
}

/** What of a counter that rises was added from one time to another, between two samples in proportion. */
export function addedBetween (samples: Trace, fromMs: number, toMs: number): number {
  return valueAt(samples, toMs) - valueAt(samples, fromMs)
}

function valueAt (samples: Trace, at: number): number {
  let [beforeMs, before] = samples[0] ?? [0, 0]
  for (const [ms, value] of samples) {
    if (ms >= at) return ms === beforeMs ? value : before + (value - before) * (at - beforeMs) / (ms - beforeMs)
    beforeMs = ms
    before = value
  }
  return before
}

/** For a message between processes: `12:0,263:65536`. */
export function encodeTrace (trace: Trace): string {
  return trace.map(([ms, bytes]) => `${Math.round(ms)}:${bytes}`).join(',')
}

export function decodeTrace (text: string): Trace {
  return text.split(',').map(pair => {
    const [ms = NaN, bytes = NaN] = pair.split(':').map(Number)
    return [ms, bytes] as const
  })
}
