import {
  FIRST_UPLOAD_WINDOW_BYTES, LEAST_UPLOAD_WINDOW_BYTES, MAX_UPLOAD_WINDOW_BYTES, RECEIPT_MS, UPLOAD_QUEUE_MS
} from '../defaults.ts'

/** How quickly the window follows what one round trip of receipts says; 0.25 neither overshoots nor swings. */
const GAIN = 0.5
/** Blocks on their way to a peer that gives no receipts. */
const SILENT_PEER_BLOCKS = 2

/** Of the delays of a round, from the least, the one that stands for our up-link. */
const QUANTILE = 0.25

interface Sent {
  readonly peerId: string
  readonly block: number
  readonly bytes: number
  readonly at: number
  /** Its receipt tells how long it took: not when the peer has it from somebody else. */
  isSample: boolean
}

interface Peer {
  /** What it said last about how long our blocks queue. */
  queuedMs: number
  /** The last block handed over got no receipt in time: what it is sent counts for it alone. */
  isSilent: boolean
  /** On their way to it. */
  blocks: number
}

/**
 * How many bytes may be on their way to all peers together: read for them, in our sockets, or in the network. A
 * receiver announces each block that it has stored, also to who sent it: that Have is the receipt, and says how long
 * our blocks queued on their way. The window keeps that near UPLOAD_QUEUE_MS: requests and haves share the connections
 * with blocks, and what waits in a socket can no longer go to whom it helps most.
 *
 * The rule is LEDBAT's (RFC 6817 section 2.4.2): the window moves in proportion to how far the queueing delay is off
 * its target; but one window for the whole up-link. Pure: the clock's ms come in.
 */
export class UploadWindow {
  readonly #leastBytes: number
  #limitBytes: number
  #usedBytes = 0
  readonly #peers = new Map<string, Peer>()
  /** By peer and block, in the order of sending. */
  readonly #sent = new Map<string, Sent>()
  /** Until a receipt first says that blocks wait, the window doubles with every round. */
  #isFirstRise = true
  #wasFull = false
  #roundEndsAt = 0
  #queued: number[] = []

  constructor (maxBlockBytes: number) {
    this.#leastBytes = Math.max(LEAST_UPLOAD_WINDOW_BYTES, 2 * maxBlockBytes)
    this.#limitBytes = Math.max(FIRST_UPLOAD_WINDOW_BYTES, this.#leastBytes)
  }

  get limitBytes (): number {
    return this.#limitBytes
  }

  /** Bytes on their way. */
  get usedBytes (): number {
    return this.#usedBytes
  }

  /** When the oldest block is taken for lost if no receipt comes; undefined when none is on its way. */
  get expiresAt (): number | undefined {
    const [oldest] = this.#sent.values()
    return oldest === undefined ? undefined : oldest.at + RECEIPT_MS
  }

  /** True when a block may be begun for this peer. */
  hasRoomFor (peerId: string): boolean {
    const peer = this.#peers.get(peerId)
    if (peer?.isSilent === true) return peer.blocks < SILENT_PEER_BLOCKS
    if (this.#usedBytes < this.#limitBytes) return true
    this.#wasFull = true
    return false
  }

  join (peerId: string): void {
    this.#peers.set(peerId, { queuedMs: 0, isSilent: false, blocks: 0 })
  }

  leave (peerId: string): void {
    this.#peers.delete(peerId)
    for (const [key, sent] of this.#sent) {
      if (sent.peerId !== peerId) continue
      this.#sent.delete(key)
      this.#usedBytes -= sent.bytes
    }
  }

  /** Bytes are being read for a peer: they count from now on. */
  begin (peerId: string, bytes: number): void {
    this.#usedBytes += bytes
    const peer = this.#peers.get(peerId)
    if (peer !== undefined) peer.blocks++
  }

  /** What was begun is not sent. */
  drop (peerId: string, bytes: number): void {
    this.#usedBytes -= bytes
    const peer = this.#peers.get(peerId)
    if (peer !== undefined) peer.blocks--
  }

  /** What was begun is in the peer's socket. */
  sent (peerId: string, block: number, bytes: number, now: number): void {
    const peer = this.#peers.get(peerId)
    const key = keyOf(peerId, block)
    // One receipt comes for a block that was sent twice.
    if (peer === undefined || this.#sent.has(key)) return this.drop(peerId, bytes)
    if (peer.isSilent) this.#usedBytes -= bytes
    this.#sent.set(key, { peerId, block, bytes: peer.isSilent ? 0 : bytes, at: now, isSample: true })
  }

  /** The peer has told off this block, or has it from elsewhere. */
  cancelled (peerId: string, block: number): void {
    const sent = this.#sent.get(keyOf(peerId, block))
    if (sent !== undefined) sent.isSample = false
  }

  /** The peer says that it has this block. */
  received (peerId: string, block: number, { queuedMs, now }: { queuedMs: number | undefined, now: number }): void {
    const key = keyOf(peerId, block)
    const sent = this.#sent.get(key)
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return
    peer.queuedMs = queuedMs ?? peer.queuedMs
    if (sent === undefined) return
    this.#settle(key, sent, peer)
    peer.isSilent = false
    if (sent.isSample) this.#learn(peer.queuedMs, now - sent.at, now)
  }

  /** Blocks without a receipt for too long no longer count. */
  expire (now: number): void {
    for (const [key, sent] of this.#sent) {
      if (sent.at + RECEIPT_MS > now) return
      const peer = this.#peers.get(sent.peerId)
      if (peer === undefined) continue
      this.#settle(key, sent, peer)
      if (sent.isSample) peer.isSilent = true
    }
  }

  #settle (key: string, sent: Sent, peer: Peer): void {
    this.#sent.delete(key)
    this.#usedBytes -= sent.bytes
    peer.blocks--
  }

  #learn (queuedMs: number, loopMs: number, now: number): void {
    this.#queued.push(queuedMs)
    if (now < this.#roundEndsAt) return
    // What all peers see is our up-link; what some see beyond that is their own.
    const sorted = this.#queued.sort((a, b) => a - b)
    const ownMs = sorted[Math.floor(sorted.length * QUANTILE)] ?? 0
    const off = Math.max(-1, 1 - ownMs / UPLOAD_QUEUE_MS)
    if (off < 0) this.#isFirstRise = false
    // A window that was not used says nothing about a larger one.
    if (off < 0 || this.#wasFull) {
      const next = this.#limitBytes * (1 + (this.#isFirstRise ? 1 : GAIN) * off)
      this.#limitBytes = Math.min(MAX_UPLOAD_WINDOW_BYTES, Math.max(this.#leastBytes, next))
    }
    this.#queued = []
    this.#wasFull = false
    this.#roundEndsAt = now + loopMs
  }
}

function keyOf (peerId: string, block: number): string {
  return `${block}/${peerId}`
}
