import { hostOf } from '../swarm/ip-address.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import type { MultiaddrConnection } from '@libp2p/interface'

/** Connections from outside that have not shown who they are, by address: one may not take all the room. */
export class Handshakes {
  readonly #pending = new Map<string, Set<MultiaddrConnection>>()

  /** False when too many from this address are at it: this one is not let in. */
  begin (connection: MultiaddrConnection): boolean {
    const host = hostOf(connection.remoteAddr.toString())
    if (host === undefined) return true
    const own = this.#pending.get(host) ?? new Set()
    if (own.size >= WIRE_LIMITS.pendingConnectionsPerAddress) return false
    this.#pending.set(host, own.add(connection))
    connection.addEventListener('close', () => { this.end(connection) }, { once: true })
    return true
  }

  /** It is through, or over. Twice is fine. */
  end (connection: MultiaddrConnection): void {
    const host = hostOf(connection.remoteAddr.toString())
    if (host === undefined) return
    const own = this.#pending.get(host)
    own?.delete(connection)
    if (own?.size === 0) this.#pending.delete(host)
  }
}
