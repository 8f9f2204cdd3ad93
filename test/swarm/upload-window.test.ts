import { describe, expect, it } from 'vitest'
import {
  FIRST_GRANT_BYTES, FIRST_UPLOAD_WINDOW_BYTES, LEAST_UPLOAD_WINDOW_BYTES, MAX_RECEIPT_MS, MAX_UPLOAD_WINDOW_BYTES,
  NEWCOMERS_SHARE, PUBLISHER_RECEIPT_LATE_MS, RECEIPT_LATE_MS, RECEIPT_MS, SILENT_PEER_BLOCKS, UPLOAD_QUEUE_MS
} from '../../src/defaults.ts'
import { UploadWindow } from '../../src/swarm/upload-window.ts'

const BLOCK = 64 * 1024

/** Enough receipts for a peer to be sent as much as the window holds. */
const MANY = MAX_UPLOAD_WINDOW_BYTES / BLOCK

/** For peers that have given many receipts before. */
function windowFor (...peerIds: string[]): UploadWindow {
  const window = new UploadWindow(BLOCK)
  for (const id of peerIds) {
    window.join(id)
    giveReceipts(window, id, { count: MANY, now: 0 })
  }
  return window
}

function giveReceipts (window: UploadWindow, id: string, { count, now }: { count: number, now: number }): void {
  for (let i = 0; i < count; i++) {
    window.begin(id, BLOCK)
    window.sent(id, -1, BLOCK, now)
    window.received(id, -1, { queuedMs: 0, now })
  }
}

/** Sends to these peers in turn while there is room, one after the other over a link of this rate, for so long. */
function send (
  window: UploadWindow, peerIds: string[], options: { bytesPerMs: number, ms: number, loopMs: number }
): void {
  const { bytesPerMs, ms, loopMs } = options
  const underWay: Array<{ peerId: string, block: number, at: number, receiptAt: number }> = []
  let linkFreeAt = 0
  let block = 0
  for (let now = 0; now < ms; now++) {
    while (underWay[0] !== undefined && underWay[0].receiptAt <= now) {
      const { peerId, block: index, at, receiptAt } = underWay.shift() ?? { peerId: '', block: 0, at: 0, receiptAt: 0 }
      window.received(peerId, index, { queuedMs: Math.round(receiptAt - at - loopMs), now })
    }
    const peerId = peerIds[block % peerIds.length] ?? ''
    while (window.hasRoomFor(peerId)) {
      window.begin(peerId, BLOCK)
      window.sent(peerId, block, BLOCK, now)
      linkFreeAt = Math.max(linkFreeAt, now) + BLOCK / bytesPerMs
      underWay.push({ peerId, block, at: now, receiptAt: linkFreeAt + loopMs })
      block++
    }
  }
}

/** Fills it for 100 newcomers at 5,000 B/ms, each of whom takes the queue that it meets first for its path. */
function limitOfQueue (window: UploadWindow): number {
  const ids = Array.from({ length: 100 }, (_, i) => `peer${i}`)
  for (const id of ids) window.join(id)
  let linkFreeAt = 0
  const underWay: Array<{ peerId: string, block: number, at: number }> = []
  let block = 0
  for (let now = 0; now < 10_000; now++) {
    for (let first = underWay[0]; first !== undefined && first.at <= now; first = underWay[0]) {
      underWay.shift()
      window.received(first.peerId, first.block, { queuedMs: 0, now })
    }
    for (let peerId = ids[block % 100] ?? ''; window.hasRoomFor(peerId); peerId = ids[block % 100] ?? '') {
      window.begin(peerId, BLOCK)
      window.sent(peerId, block, BLOCK, now)
      linkFreeAt = Math.max(linkFreeAt, now) + BLOCK / 5000
      underWay.push({ peerId, block: block++, at: linkFreeAt + 50 })
    }
  }
  return window.limitBytes
}

describe('upload window', () => {
  it('begins with room for a few blocks, and counts what is begun', () => {
    const window = windowFor('a')
    expect(window.limitBytes).toBe(FIRST_UPLOAD_WINDOW_BYTES)
    for (let i = 0; window.hasRoomFor('a'); i++) window.begin('a', BLOCK)
    expect(window.usedBytes).toBe(FIRST_UPLOAD_WINDOW_BYTES)
    window.drop('a', BLOCK)
    expect(window.hasRoomFor('a')).toBe(true)
  })

  it.each([2.4, 5, 50, 1000])('keeps blocks waiting about as long as it should at %s kB/ms', kBytesPerMs => {
    const window = windowFor('a', 'b', 'c')
    const bytesPerMs = kBytesPerMs * 1000
    send(window, ['a', 'b', 'c'], { bytesPerMs, ms: 20_000, loopMs: 50 })
    const idealBytes = Math.max(LEAST_UPLOAD_WINDOW_BYTES, bytesPerMs * (50 + UPLOAD_QUEUE_MS))
    expect(window.limitBytes).toBeGreaterThan(0.6 * idealBytes)
    expect(window.limitBytes).toBeLessThan(Math.min(MAX_UPLOAD_WINDOW_BYTES, 1.6 * idealBytes))
  })

  it('does not grow while it is not used', () => {
    const window = windowFor('a')
    for (let i = 0; i < 1000; i++) {
      window.begin('a', BLOCK)
      window.sent('a', i, BLOCK, i * 100)
      window.received('a', i, { queuedMs: 0, now: i * 100 + 50 })
    }
    expect(window.limitBytes).toBe(FIRST_UPLOAD_WINDOW_BYTES)
    expect(window.usedBytes).toBe(0)
  })

  it('takes the wait that all see for its own, not that of the one whose link is slow', () => {
    const window = windowFor('slow', 'fast')
    const rate = 100_000
    for (let now = 0; now < 10_000; now += 10) {
      while (window.hasRoomFor('fast')) window.begin('fast', BLOCK)
      window.drop('fast', window.usedBytes)
      const blocks = Array.from({ length: Math.ceil(10 * rate / BLOCK) }, (_, i) => 1000 * now + i)
      const idOf = (block: number): string => block % 1000 === 0 ? 'slow' : 'fast'
      for (const block of blocks) {
        window.begin(idOf(block), BLOCK)
        window.sent(idOf(block), block, BLOCK, now)
      }
      for (const block of blocks) {
        window.received(idOf(block), block, { queuedMs: idOf(block) === 'slow' ? 10_000 : 0, now: now + 5 })
      }
    }
    expect(window.limitBytes).toBeGreaterThan(0.9 * rate * UPLOAD_QUEUE_MS)
  })

  it('is no larger than what comes back, whatever peers say that came to a queue', () => {
    expect(limitOfQueue(new UploadWindow(BLOCK))).toBeLessThan(4 * 5000 * (50 + UPLOAD_QUEUE_MS))
  })

  it('leaves less to wait where receipts are less late', () => {
    const usual = limitOfQueue(new UploadWindow(BLOCK))
    const publisher = limitOfQueue(new UploadWindow(BLOCK, PUBLISHER_RECEIPT_LATE_MS))
    expect(usual - publisher).toBeGreaterThan(0.9 * 5000 * (RECEIPT_LATE_MS - PUBLISHER_RECEIPT_LATE_MS))
  })

  it('forgets blocks without a receipt, and gives a silent peer two at a time beside the window', () => {
    const window = windowFor('silent', 'other')
    for (let i = 0; window.hasRoomFor('silent'); i++) {
      window.begin('silent', BLOCK)
      window.sent('silent', i, BLOCK, i)
    }
    expect(window.hasRoomFor('other')).toBe(false)
    expect(window.expiresAt).toBe(RECEIPT_MS)
    window.expire(RECEIPT_MS + 100)
    expect(window.usedBytes).toBe(0)
    expect(window.hasRoomFor('other')).toBe(true)
    for (let i = 100; window.hasRoomFor('silent'); i++) {
      window.begin('silent', BLOCK)
      window.sent('silent', i, BLOCK, RECEIPT_MS + 100)
      expect(i).toBeLessThan(102)
    }
    expect(window.usedBytes).toBe(0)
    window.received('silent', 100, { queuedMs: undefined, now: RECEIPT_MS + 200 })
    expect(window.hasRoomFor('silent')).toBe(true)
  })

  it('sends little to a peer before its first receipt, and to one whose last was late', () => {
    const window = windowFor('known')
    window.join('new')
    for (let block = 0; block < FIRST_GRANT_BYTES / BLOCK; block++) {
      expect(window.hasRoomFor('new')).toBe(true)
      window.begin('new', BLOCK)
      window.sent('new', block, BLOCK, 0)
    }
    expect(window.hasRoomFor('new')).toBe(false)
    expect(window.usedBytes).toBe(FIRST_GRANT_BYTES)
    window.received('new', 0, { queuedMs: 0, now: 50 })
    expect(window.hasRoomFor('new')).toBe(true)
    window.expire(RECEIPT_MS)
    expect(window.hasRoomFor('new')).toBe(true)
    for (const block of [102, 103]) {
      window.begin('new', BLOCK)
      window.sent('new', block, BLOCK, RECEIPT_MS)
    }
    expect(window.hasRoomFor('new')).toBe(false)
    // late, and yet a receipt: the peer counts for the window again, but is sent no more than before
    window.received('new', 1, { queuedMs: 0, now: RECEIPT_MS + 1 })
    expect(window.hasRoomFor('new')).toBe(false)
    window.received('new', 102, { queuedMs: 0, now: RECEIPT_MS + 50 })
    expect(window.hasRoomFor('new')).toBe(true)
  })

  it('settles a block that was sent again after its receipt was late', () => {
    const window = windowFor('a')
    for (const at of [0, RECEIPT_MS]) {
      window.begin('a', BLOCK)
      window.sent('a', 0, BLOCK, at)
      if (at === 0) window.expire(RECEIPT_MS)
      // known again, by another block
      window.begin('a', BLOCK)
      window.sent('a', 1, BLOCK, RECEIPT_MS)
      window.received('a', 1, { queuedMs: 0, now: RECEIPT_MS })
    }
    window.received('a', 0, { queuedMs: 0, now: RECEIPT_MS + 50 })
    expect(window.usedBytes).toBe(0)
    expect(window.expiresAt).toBe(undefined)
  })

  it('is held up for half a minute at most by a peer that gives one receipt an hour late', () => {
    const hourMs = 3_600_000
    const window = windowFor('late', 'good')
    window.begin('late', BLOCK)
    window.sent('late', 0, BLOCK, 0)
    window.expire(RECEIPT_MS)
    giveReceipts(window, 'late', { count: MANY, now: hourMs - 1 })
    window.received('late', 0, { queuedMs: 0, now: hourMs })
    for (let block = 1; window.hasRoomFor('late'); block++) {
      window.begin('late', BLOCK)
      window.sent('late', block, BLOCK, hourMs)
    }
    expect(window.hasRoomFor('good')).toBe(false)
    const now = hourMs + MAX_RECEIPT_MS
    expect(window.expiresAt).toBe(now)
    window.expire(now)
    // And it moves again.
    const before = window.limitBytes
    for (let block = 0; window.hasRoomFor('good'); block++) {
      window.begin('good', BLOCK)
      window.sent('good', block, BLOCK, now)
    }
    window.received('good', 0, { queuedMs: 1000, now: now + 50 })
    expect(window.limitBytes).toBeLessThan(before)
  })

  it('is filled by a peer only as far as it has given receipts in time since it last gave none', () => {
    const window = windowFor('holder', 'other')
    const fill = (now: number): number => {
      let blocks = 0
      for (; window.hasRoomFor('holder'); blocks++) {
        window.begin('holder', BLOCK)
        window.sent('holder', now + blocks, BLOCK, now)
      }
      return blocks
    }
    expect(fill(0)).toBe(FIRST_UPLOAD_WINDOW_BYTES / BLOCK)
    expect(window.hasRoomFor('other')).toBe(false)
    // it holds all of it back, and then lets go of all at once: too late
    window.expire(RECEIPT_MS)
    for (let i = 0; i < FIRST_UPLOAD_WINDOW_BYTES / BLOCK; i++) window.received('holder', i, { queuedMs: 0, now: RECEIPT_MS + 1 })
    expect(fill(RECEIPT_MS + 2)).toBe(SILENT_PEER_BLOCKS)
    expect(window.hasRoomFor('other')).toBe(true)
    for (let i = 0; i < SILENT_PEER_BLOCKS; i++) {
      window.received('holder', RECEIPT_MS + 2 + i, { queuedMs: 0, now: RECEIPT_MS + 3 })
    }
    expect(fill(RECEIPT_MS + 9)).toBe(2 * SILENT_PEER_BLOCKS)
  })

  it('leaves a part to who gives receipts, however many newcomers give none', () => {
    const window = windowFor('known')
    for (let i = 0; i < 100; i++) {
      window.join(`new${i}`)
      for (let block = 0; window.hasRoomFor(`new${i}`); block++) {
        window.begin(`new${i}`, BLOCK)
        window.sent(`new${i}`, block, BLOCK, 0)
      }
    }
    expect(window.usedBytes).toBe(FIRST_UPLOAD_WINDOW_BYTES * NEWCOMERS_SHARE)
    expect(window.hasRoomFor('known')).toBe(true)
    window.leave('new0')
    expect(window.hasRoomFor('new99')).toBe(true)
  })

  it('counts nothing for who has left; a cancelled block of which nothing more is heard is silence too', () => {
    const window = windowFor('a', 'b')
    for (const [i, peerId] of ['a', 'b', 'a'].entries()) {
      window.begin(peerId, BLOCK)
      window.sent(peerId, i, BLOCK, 0)
    }
    window.leave('a')
    expect(window.usedBytes).toBe(BLOCK)
    window.cancelled('b', 1)
    window.expire(RECEIPT_MS)
    expect(window.usedBytes).toBe(0)
    let begun = 0
    for (; window.hasRoomFor('b'); begun++) window.begin('b', BLOCK)
    expect(begun).toBe(2)
  })

  it('counts what a peer had announced before it asked for it, and takes it for silent for that never', () => {
    const window = new UploadWindow(BLOCK)
    window.join('again')
    let sent = 0
    for (; sent < 1000 && window.hasRoomFor('again'); sent++) {
      window.begin('again', BLOCK)
      window.sent('again', undefined, BLOCK, 0)
    }
    expect(sent).toBeLessThan(100)
    expect(window.usedBytes).toBe(sent * BLOCK)
    window.expire(RECEIPT_MS)
    expect(window.usedBytes).toBe(0)
    window.begin('again', BLOCK)
    window.sent('again', 7, BLOCK, RECEIPT_MS)
    expect(window.usedBytes).toBe(BLOCK)
  })
})
