import { describe, expect, it } from 'vitest'
import { Allowance } from '../../src/swarm/allowance.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { RejectReason } from '../../src/wire/protocol.ts'
import type { Message } from '../../src/wire/messages.ts'

const ask: Message = { type: 'request', indexes: [1], cids: [] }

/** How many requests of a peer are let pass when each is answered by a Reject for this reason, all at one moment. */
function askedUntilFlood (reason: RejectReason): number {
  const allowance = new Allowance(0, WIRE_LIMITS.messageBurst)
  for (let asked = 0; asked < 2 * WIRE_LIMITS.messageBurst; asked++) {
    if (allowance.onMessage(ask, 0) !== undefined) return asked
    allowance.onSent({ type: 'reject', indexes: [1], cids: [], reason, retryAfterMs: 1000 })
  }
  return Infinity
}

describe('allowance', () => {
  it('charges nobody for our disk, little for a block that we lost, and much for asking out of turn', () => {
    const notHeld = askedUntilFlood(RejectReason.notHeld)
    const choosing = askedUntilFlood(RejectReason.choosing)
    expect(askedUntilFlood(RejectReason.unreadable)).toBeGreaterThan(WIRE_LIMITS.messageBurst * 0.9)
    expect(notHeld).toBeGreaterThan(WIRE_LIMITS.messageBurst * 0.4)
    expect(choosing).toBeLessThan(WIRE_LIMITS.messageBurst * 0.1)
  })
})
