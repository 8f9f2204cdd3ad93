import { expect, it } from 'vitest'
import { Exchange } from '../../src/swarm/exchange.ts'

/** At a time that the test sets. */
function exchangeAt (nowMs: { ms: number }): Exchange {
  return new Exchange({ now: () => nowMs.ms, setTimer: () => () => {} })
}

it('a peer has used its session when it gave a block, or took one that it was sent', () => {
  const now = { ms: 10 }
  const exchange = exchangeAt(now)
  expect([exchange.given, exchange.taken, exchange.usedAt]).toEqual([0, 0, 10])
  now.ms = 20
  exchange.onStored()
  expect([exchange.given, exchange.gaveAt, exchange.usedAt]).toEqual([1, 20, 20])
  now.ms = 30
  // It has it from others.
  exchange.onNews(7)
  expect([exchange.taken, exchange.usedAt]).toEqual([0, 20])
  exchange.onSent(7, 100)
  exchange.onNews(7)
  expect([exchange.taken, exchange.tookAt, exchange.usedAt]).toEqual([1, 30, 30])
  expect(exchange.sentLately).toEqual([7])
})
