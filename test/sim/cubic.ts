/** Bytes of a segment's content, with timestamps; and its headers on the wire: Ethernet, IP, TCP. */
export const SEGMENT_BYTES = 1448
export const HEADER_BYTES = 66

const FIRST_SEGMENTS = 10
const LEAST_SEGMENTS = 2
/** RFC 9438: the window falls to this share of itself with a loss, and grows by C (t - K)^3 after. */
const BETA = 0.7
const C = 0.4
/** Below so many segments Linux's HyStart does not look at delays. */
const HYSTART_SEGMENTS = 16

/** A congestion window in segments, as Linux's cubic (RFC 9438) with HyStart keeps it. */
export class Cubic {
  segments = FIRST_SEGMENTS
  #slowStartUntil = Infinity
  #most = 0
  /** What plain halving and adding would have reached. */
  #reno = 0
  #epochAt: number | undefined
  #k = 0
  #leastRttMs = Infinity

  onRoundTrip (ms: number): void {
    this.#leastRttMs = Math.min(this.#leastRttMs, ms)
    const isLate = ms > this.#leastRttMs + Math.min(16, Math.max(4, this.#leastRttMs / 8))
    if (!isLate || this.segments < HYSTART_SEGMENTS) return
    this.#slowStartUntil = Math.min(this.#slowStartUntil, this.segments)
  }

  /** So many segments arrived while the window was used up, and nothing was lost. */
  onArrived (segments: number, now: number): void {
    if (this.segments < this.#slowStartUntil) {
      this.segments += segments
      return
    }
    if (this.#epochAt === undefined) {
      this.#epochAt = now
      this.#reno = this.segments
      this.#most = Math.max(this.#most, this.segments)
      this.#k = Math.cbrt((this.#most - this.segments) / C)
    }
    const seconds = (now - this.#epochAt + this.#leastRttMs) / 1000
    const target = Math.min(1.5 * this.segments, C * (seconds - this.#k) ** 3 + this.#most)
    this.#reno += 3 * (1 - BETA) / (1 + BETA) * segments / this.segments
    if (target > this.segments) this.segments += (target - this.segments) / this.segments * segments
    this.segments = Math.max(this.segments, this.#reno)
  }

  /** Something was lost, for the first time in this round. */
  onLost (): void {
    this.#most = this.segments < this.#most ? this.segments * (1 + BETA) / 2 : this.segments
    this.segments = Math.max(LEAST_SEGMENTS, this.segments * BETA)
    this.#slowStartUntil = this.segments
    this.#epochAt = undefined
  }

  /** Nothing came back for a long time. */
  onTimeout (): void {
    this.onLost()
    this.segments = 1
  }

  /** Nothing was sent for a long time. */
  onIdle (): void {
    this.segments = Math.min(this.segments, FIRST_SEGMENTS)
    this.#epochAt = undefined
  }
}
