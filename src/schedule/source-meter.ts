import {
  CREDIT_LATENCY_MS, CREDIT_QUEUE_MS, CREDIT_QUEUE_SOURCES, FIRST_CREDIT_BYTES, FIRST_GRANT_BYTES, FIRST_RTT_MS,
  GRANT_QUEUE_ROUNDS, LIFE_BYTES, MAX_CREDIT_BYTES, MOST_SILENT_MS, PROMPT_MS, RATE_SAMPLE_MS, SILENT_SOURCE_MS
} from '../defaults.ts'

/** What may wait at each of so many open sources beyond its round trip, in ms: many share what a few have. */
export function queueMsOf (openSources: number): number {
  return CREDIT_QUEUE_MS * Math.min(1, CREDIT_QUEUE_SOURCES / openSources)
}

/**
 * Measures one source and derives its credit: how many bytes may be asked of it and not yet be here.
 * credit = one block + rate x (RTT or wait + an allowance), the adaptive rule of SWARM-POLICY.md section 3: it grows
 * geometrically while the source keeps up, and shrinks to one block for a source that delivers little.
 */
export class SourceMeter {
  #rateBytesPerMs = 0
  #rttMs = FIRST_RTT_MS
  #hasRtt = false
  #sampleStart = 0
  #sampleBytes = 0
  #isBusy = false
  #askedAt: number | undefined
  /** From asking an idle source to its first byte, smoothed. */
  #latencyMs = 0
  #lastBytesAt = 0
  #promptBytes = 0
  #unlivelyBytes = 0

  get rttMs (): number {
    return this.#rttMs
  }

  /** Smoothed rate of delivery while something was asked of the source; 0 until known. */
  get rateBytesPerSec (): number {
    return this.#rateBytesPerMs * 1000
  }

  /** What may be asked while there is plenty to ask for: as much has come without waiting. */
  get promptBytes (): number {
    return this.#promptBytes
  }

  /** When the source last showed life, in the clock's ms. */
  get lastBytesAt (): number {
    return this.#lastBytesAt
  }

  /** When it counts as silent if nothing comes; a path of seconds is given the time that it takes. */
  get silentAt (): number {
    return this.#lastBytesAt + Math.max(SILENT_SOURCE_MS, Math.min(2 * this.#rttMs, MOST_SILENT_MS))
  }

  /** A measured round trip; the least of all counts, since later ones include our own queues. */
  onRoundTrip (ms: number): void {
    if (!this.#hasRtt || ms < this.#rttMs) this.#rttMs = Math.max(ms, 0.1)
    this.#hasRtt = true
  }

  /** Something was asked of the source. Time without anything asked does not count against its rate. */
  onAsked (now: number): void {
    if (this.#isBusy) return
    this.#isBusy = true
    this.#askedAt = now
    this.#sampleStart = now
    this.#sampleBytes = 0
    this.#lastBytesAt = Math.max(this.#lastBytesAt, now)
  }

  /** Nothing is asked of the source any more. */
  onIdle (): void {
    this.#isBusy = false
  }

  /**
   * Bytes came; `isWanted` when they are of a block that we wait for. A byte now and then is no life: a source that
   * trickles would hold what it was asked for ever.
   *
   * @returns true when there was enough of them since the last sign of life to be one
   */
  onBytes (now: number, bytes: number, isWanted = true): boolean {
    if (isWanted) this.#unlivelyBytes += bytes
    const isLife = this.#unlivelyBytes >= LIFE_BYTES
    if (isLife) this.onLife(now)
    this.#sample(now, bytes)
    return isLife
  }

  /** The source shows life: the header of a block that it may send. */
  onLife (now: number): void {
    this.#unlivelyBytes = 0
    this.#lastBytesAt = now
  }

  /** For so long nobody could have seen that something came. */
  forgive (ms: number): void {
    this.#lastBytesAt += ms
  }

  #sample (now: number, bytes: number): void {
    if (this.#askedAt !== undefined) {
      const latencyMs = now - this.#askedAt
      this.#askedAt = undefined
      this.#latencyMs += 0.5 * (latencyMs - this.#latencyMs)
    }
    this.#sampleBytes += bytes
    const elapsed = now - this.#sampleStart
    if (elapsed < RATE_SAMPLE_MS) return
    const sample = this.#sampleBytes / elapsed
    // Up fast, down slowly: a dip is often another stream's turn, and credit that is too small caps the rate itself.
    const weight = sample > this.#rateBytesPerMs ? 0.7 : 0.2
    this.#rateBytesPerMs += weight * (sample - this.#rateBytesPerMs)
    this.#sampleStart = now
    this.#sampleBytes = 0
  }

  /**
   * A block that was asked for begins to come. While all that is asked for comes within two round trips, nothing queues
   * and there may be more: it doubles with each, as in TCP's slow start (RFC 5681 section 3.1), and like its window
   * only when it was used (RFC 7661).
   */
  onBlock (block: { waitMs: number, bytes: number, outstandingBytes: number }): void {
    const { waitMs, bytes, outstandingBytes } = block
    if (waitMs > 2 * this.#rttMs + PROMPT_MS) this.#promptBytes /= 2
    else if (2 * outstandingBytes >= this.#promptBytes) {
      this.#promptBytes = Math.min(Math.max(this.#promptBytes, outstandingBytes) + bytes, MAX_CREDIT_BYTES)
    }
  }

  /** The source failed to deliver: start over from the least. */
  onFailed (): void {
    this.#promptBytes = 0
    this.#rateBytesPerMs = 1e-9
  }

  /** Credit in bytes, for blocks of at most `blockBytes`, where `queueMs` may wait beyond the round trip. */
  creditBytes (blockBytes: number, queueMs = CREDIT_QUEUE_MS): number {
    return this.#windowBytes(blockBytes, queueMs, FIRST_CREDIT_BYTES)
  }

  /**
   * The same for what a choosing publisher is granted. It starts with more: what it chooses is asked of nobody else, so
   * that a deep queue there cannot hold anybody up.
   */
  grantBytes (blockBytes: number): number {
    return this.#windowBytes(blockBytes, Math.max(CREDIT_QUEUE_MS, GRANT_QUEUE_ROUNDS * this.#rttMs), FIRST_GRANT_BYTES)
  }

  #windowBytes (blockBytes: number, queueMs: number, firstBytes: number): number {
    if (this.#rateBytesPerMs === 0) return Math.max(firstBytes, 2 * blockBytes)
    const waitMs = Math.max(this.#rttMs, Math.min(this.#latencyMs, CREDIT_LATENCY_MS))
    const window = blockBytes + this.#rateBytesPerMs * (waitMs + queueMs)
    return Math.min(window, Math.max(MAX_CREDIT_BYTES, blockBytes))
  }
}
