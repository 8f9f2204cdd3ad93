import { IDLE_NEIGHBOUR_MS, IDLE_TURNS, MOST_STRANGERS, SLOW_NEIGHBOUR_MS } from '../defaults.ts'
import type { Session } from './session.ts'

/**
 * Peers that are new or have given something lately: with those that only sit there nobody is to be kept content. Of
 * those that came by themselves and have given nothing yet a few count; they may come again and again. Where blocks
 * come slowly, "lately" is as long as each neighbour takes to have its turn. Pure; times are the clock's ms.
 *
 * @param begunAt when we began to look for peers
 */
export function countNeighbours (
  sessions: ReadonlyArray<Pick<Session, 'isOutbound' | 'exchange'>>, begunAt: number, now: number
): number {
  const given = sessions.reduce((sum, { exchange }) => sum + exchange.given, 0)
  const turnMs = given === 0 ? 0 : (now - begunAt) / given * sessions.length
  const since = now - Math.min(Math.max(IDLE_NEIGHBOUR_MS, IDLE_TURNS * turnMs), SLOW_NEIGHBOUR_MS)
  const counted = sessions.filter(({ exchange }) => exchange.gaveAt > since)
  const strangers = counted.filter(({ isOutbound, exchange }) => !isOutbound && exchange.given === 0).length
  return counted.length - Math.max(0, strangers - MOST_STRANGERS)
}
