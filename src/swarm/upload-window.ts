import {
  BASE_DELAY_MS, FIRST_GRANT_BYTES, FIRST_UPLOAD_WINDOW_BYTES, LATE_RECEIPTS, LEAST_UPLOAD_WINDOW_BYTES, MAX_RECEIPT_MS,
  MAX_UPLOAD_WINDOW_BYTES, NEWCOMERS_SHARE, RECEIPT_LATE_MS, RECEIPT_MS, RECEIPT_PATIENCE, SILENT_PEER_BLOCKS,
  UPLOAD_DELAY_QUANTILE, UPLOAD_QUEUE_MS, UPLOAD_WINDOW_GAIN
} from '../defaults.ts'
import { LeastLately } from './least-lately.ts'
import { ReceiptRate } from './receipt-rate.ts'

interface Sent {
  readonly peerId: string
  readonly bytes: number
  /** False for what a silent peer is sent, and for what is taken for lost: the window does not wait for it. */
  readonly counts: boolean
  readonly at: number
  /** Its receipt tells how long it took: not when the peer has it from somebody else, or it was sent before. */
  isSample: boolean
  /** The peer had announced it before: no receipt comes. */
  readonly isAgain: boolean
}

interface Peer {
  /**
   * new: has had no time yet to give a receipt. silent: the last block sent got none in time; what it is sent counts
   * for it alone.
   */
  state: 'new' | 'known' | 'silent'
  /** What it said last about how long our blocks queue, in ms. */
  queuedMs: number
  /** Bytes on their way to it, and how many may be: more with each receipt in time, few after one that was not. */
  bytes: number
  mostBytes: number
  /** The least time from sending a block to its receipt, in ms. */
  readonly loopMs: LeastLately
}

/**
 * How many bytes may be on their way to all peers together: read for them, in our sockets, or in the network. A
 * receiver announces each block that it has stored, also to who sent it: that Have is the receipt, and says how long
 * our blocks queued on their way. The window keeps that near UPLOAD_QUEUE_MS: requests and haves share the connections
 * with blocks, and what waits in a socket can no longer go to whom it helps most.
 *
 * The rule is LEDBAT's (RFC 6817 section 2.4.2): the window moves in proportion to how far the queueing delay is off
 * its target; but one window for the whole up-link. Who comes while blocks queue takes that for the length of its path
 * and says that nothing queues; so the window is never more than what receipts came for lately at best in the time
 * that they take at least, and as late as they may be (as BBR bounds its window). Pure: the clock's ms come in.
 */
export class UploadWindow {
  readonly #leastBytes: number
  readonly #newPeerBytes: number
  #limitBytes: number
  #usedBytes = 0
  /** On their way to peers that are new. */
  #newBytes = 0
  readonly #peers = new Map<string, Peer>()
  /** By block and peer, in the order of sending. */
  readonly #sent = new Map<string, Sent>()
  readonly #late = new Map<string, Sent>()
  /** Until a receipt first says that blocks wait, the window doubles with every round. */
  #isFirstRise = true
  #wasFull = false
  #roundEndsAt = 0
  readonly #receiptRate: ReceiptRate
  /** How long the last receipt took, at most MAX_RECEIPT_MS. */
  #loopMs = 0
  #serial = 0
  /** What each peer of this round said last. */
  readonly #queued = new Map<string, number>()

  constructor (maxBlockBytes: number, receiptLateMs = RECEIPT_LATE_MS) {
    this.#receiptRate = new ReceiptRate(receiptLateMs)
    this.#leastBytes = Math.max(LEAST_UPLOAD_WINDOW_BYTES, 2 * maxBlockBytes)
    this.#newPeerBytes = Math.max(FIRST_GRANT_BYTES, SILENT_PEER_BLOCKS * maxBlockBytes)
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
    return oldest === undefined ? undefined : oldest.at + this.#patienceMs
  }

  /** True when a block may be begun for this peer. */
  hasRoomFor (peerId: string): boolean {
    const peer = this.#peers.get(peerId)
    if (peer !== undefined && peer.bytes >= peer.mostBytes) return false
    if (peer?.state === 'silent') return true
    if (this.#usedBytes < this.#limitBytes && (peer?.state !== 'new' || this.#hasRoomForNew)) return true
    this.#wasFull = true
    return false
  }

  join (peerId: string): void {
    const mostBytes = this.#newPeerBytes
    this.#peers.set(peerId, { state: 'new', queuedMs: 0, bytes: 0, mostBytes, loopMs: new LeastLately(BASE_DELAY_MS) })
  }

  leave (peerId: string): void {
    const peer = this.#peers.get(peerId)
    if (peer?.state === 'new') this.#newBytes -= peer.bytes
    this.#peers.delete(peerId)
    this.#queued.delete(peerId)
    for (const sent of [this.#sent, this.#late]) {
      for (const [key, one] of sent) {
        if (one.peerId !== peerId) continue
        sent.delete(key)
        if (one.counts) this.#usedBytes -= one.bytes
      }
    }
  }

  /** Bytes are being read for a peer: they count from now on. */
  begin (peerId: string, bytes: number): void {
    this.#usedBytes += bytes
    const peer = this.#peers.get(peerId)
    if (peer !== undefined) this.#count(peer, bytes)
  }

  /** What was begun is not sent; no peer id when it has left since. */
  drop (peerId: string | undefined, bytes: number): void {
    this.#usedBytes -= bytes
    const peer = peerId === undefined ? undefined : this.#peers.get(peerId)
    if (peer !== undefined) this.#count(peer, -bytes)
  }

  /**
   * What was begun is in the peer's socket. `block` is undefined for one that it announced before: it has it from
   * elsewhere, or asks a second time. No receipt comes for that, so it counts for as long as one may take.
   */
  sent (peerId: string, block: number | undefined, bytes: number, now: number): void {
    const peer = this.#peers.get(peerId)
    const key = block === undefined ? `again ${this.#serial++}` : keyOf(peerId, block)
    // One receipt comes for a block that was sent twice.
    if (peer === undefined || this.#sent.has(key)) return this.drop(peerId, bytes)
    const isSilent = peer.state === 'silent'
    if (this.#sent.size === 0) this.#receiptRate.begin(now)
    if (isSilent) this.#usedBytes -= bytes
    // The receipt of one that is sent again because the first came to nothing may be that of the first.
    const isSample = !this.#late.delete(key)
    this.#sent.set(key, { peerId, bytes, counts: !isSilent, at: now, isSample, isAgain: block === undefined })
  }

  /** The peer has told off this block, or has it from elsewhere. */
  cancelled (peerId: string, block: number): void {
    const sent = this.#sent.get(keyOf(peerId, block))
    if (sent !== undefined) sent.isSample = false
  }

  /** The peer says that it has this block. */
  received (peerId: string, block: number, { queuedMs, now }: { queuedMs: number | undefined, now: number }): void {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return
    peer.queuedMs = queuedMs ?? peer.queuedMs
    const key = keyOf(peerId, block)
    const sent = this.#sent.get(key) ?? this.#late.get(key)
    if (sent === undefined) return
    if (!this.#late.delete(key)) {
      this.#settle(key, sent, peer)
      peer.mostBytes += sent.bytes
    }
    this.#become(peer, 'known')
    if (sent.isSample) peer.loopMs.add(now - sent.at, now)
    this.#receiptRate.add(sent.counts ? sent.bytes : 0, peer.loopMs.value)
    if (this.#sent.size === 0) this.#receiptRate.idle(now)
    if (sent.isSample) this.#learn(peerId, peer.queuedMs, { loopMs: now - sent.at, now })
  }

  /** Blocks without a receipt for too long no longer count. */
  expire (now: number): void {
    for (const [key, sent] of this.#sent) {
      if (sent.at + this.#patienceMs > now) return
      const peer = this.#peers.get(sent.peerId)
      if (peer === undefined) continue
      this.#settle(key, sent, peer)
      if (sent.isAgain) continue
      // Also when it was cancelled: who cancels has it from elsewhere, and says so soon.
      this.#become(peer, 'silent')
      peer.mostBytes = SILENT_PEER_BLOCKS * sent.bytes
      this.#late.set(key, { ...sent, counts: false })
      for (const oldest of this.#late.keys()) if (this.#late.size > LATE_RECEIPTS) this.#late.delete(oldest)
    }
  }

  get #patienceMs (): number {
    return Math.min(MAX_RECEIPT_MS, Math.max(RECEIPT_MS, RECEIPT_PATIENCE * this.#loopMs))
  }

  #settle (key: string, sent: Sent, peer: Peer): void {
    this.#sent.delete(key)
    if (sent.counts) this.#usedBytes -= sent.bytes
    this.#count(peer, -sent.bytes)
  }

  #count (peer: Peer, bytes: number): void {
    peer.bytes += bytes
    if (peer.state === 'new') this.#newBytes += bytes
  }

  #become (peer: Peer, state: 'known' | 'silent'): void {
    if (peer.state === 'new') this.#newBytes -= peer.bytes
    peer.state = state
  }

  /** All of them together leave a part to others: who opens sessions and gives no receipts takes nobody's all. */
  get #hasRoomForNew (): boolean {
    return this.#newBytes < this.#limitBytes * NEWCOMERS_SHARE
  }

  #learn (peerId: string, queuedMs: number, { loopMs, now }: { loopMs: number, now: number }): void {
    this.#loopMs = Math.min(MAX_RECEIPT_MS, loopMs)
    this.#queued.set(peerId, queuedMs)
    if (now < this.#roundEndsAt) return
    // What all peers see is our up-link; what some see beyond that is their own. One word a peer: none speaks for all.
    const sorted = [...this.#queued.values()].sort((a, b) => a - b)
    const ownMs = sorted[Math.floor(sorted.length * UPLOAD_DELAY_QUANTILE)] ?? 0
    const off = Math.max(-1, 1 - ownMs / UPLOAD_QUEUE_MS)
    if (off < 0) this.#isFirstRise = false
    const mostBytes = this.#receiptRate.endRound(now, { isLimited: this.#wasFull })
    // A window that was not used says nothing about a larger one.
    if (off < 0 || this.#wasFull) {
      const next = this.#limitBytes * (1 + (this.#isFirstRise ? 1 : UPLOAD_WINDOW_GAIN) * off)
      this.#limitBytes = Math.min(MAX_UPLOAD_WINDOW_BYTES, Math.max(this.#leastBytes, Math.min(next, mostBytes)))
    }
    this.#queued.clear()
    this.#wasFull = false
    this.#roundEndsAt = now + this.#loopMs
  }
}

function keyOf (peerId: string, block: number): string {
  return `${block}/${peerId}`
}
