import { REMEMBERED_PLACES, VAIN_DIALS } from '../defaults.ts'
import { pauseAfter } from './candidates.ts'
import { ipOf } from './ip-address.ts'

interface Place {
  /** Dials begun since somebody was reached there. */
  dials: number
  pausedUntil: number
}

/**
 * Hosts and ports that are dialled in vain, whatever peers are said to be there: fresh ids cost nothing, and must not
 * make us dial a stranger again and again. A dial counts when it begins, until it reaches somebody. Pure, bounded.
 */
export class DialledPlaces {
  /** The one that was not dialled for longest first. */
  readonly #places = new Map<string, Place>()

  /** Those of these addresses that may be dialled. */
  usable (addrs: readonly string[], now: number): string[] {
    return addrs.filter(addr => this.#pausedUntil(addr) <= now)
  }

  /** When the first of these may be dialled. */
  freeAt (addrs: readonly string[]): number {
    return Math.min(...addrs.map(addr => this.#pausedUntil(addr)))
  }

  /** These are dialled. */
  begin (addrs: readonly string[], now: number, random: () => number): void {
    for (const key of placesOf(addrs)) {
      const dials = (this.#places.get(key)?.dials ?? 0) + 1
      const pausedUntil = dials < VAIN_DIALS ? 0 : now + pauseAfter(dials - VAIN_DIALS + 1, random)
      this.#places.delete(key)
      this.#places.set(key, { dials, pausedUntil })
    }
    for (const oldest of this.#places.keys()) {
      if (this.#places.size <= REMEMBERED_PLACES) return
      this.#places.delete(oldest)
    }
  }

  /** The peer was reached: at one of these, or by a connection that was there, and none was dialled. */
  reached (addrs: readonly string[], at: string | undefined): void {
    const reached = at === undefined ? undefined : placeOf(at)
    const places = placesOf(addrs)
    if (reached !== undefined && places.has(reached)) {
      this.#places.delete(reached)
      return
    }
    for (const key of places) {
      const place = this.#places.get(key)
      if (place === undefined) continue
      place.dials--
      if (place.dials < VAIN_DIALS) place.pausedUntil = 0
      if (place.dials === 0) this.#places.delete(key)
    }
  }

  get size (): number {
    return this.#places.size
  }

  #pausedUntil (addr: string): number {
    return this.#places.get(placeOf(addr))?.pausedUntil ?? 0
  }
}

function placesOf (addrs: readonly string[]): Set<string> {
  return new Set(addrs.map(placeOf))
}

/** Host and port of a multiaddr text, however its IP address is written; all of it without a port, or of a relay. */
function placeOf (addr: string): string {
  const port = /\/tcp\/(\d+)/.exec(addr)?.[1]
  if (port === undefined || addr.includes('/p2p-circuit')) return addr
  const ip = ipOf(addr)
  const numbers = ip?.family === 4 ? ip.octets : ip?.groups
  return `${numbers?.join() ?? addr.split('/')[2]?.toLowerCase() ?? addr} ${port}`
}
