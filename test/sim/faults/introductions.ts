import { SECOND_DIALLER_MS } from '../../../src/defaults.ts'
import { dialsFirst } from '../../../src/swarm/discovery.ts'
import type { PeerProcess } from './peer.ts'
import type { Search } from '../../../src/swarm/search.ts'
import type { Session } from '../../../src/swarm/session.ts'

/** What stands for peer exchange: newcomers hear of a swarm's members and they of them; a record is a peer's name. */
export class Introductions {
  readonly #us: PeerProcess
  readonly #search: Search
  readonly #isPeer: (id: string) => boolean

  constructor (us: PeerProcess, search: Search, isPeer: (id: string) => boolean) {
    this.#us = us
    this.#search = search
    this.#isPeer = isPeer
  }

  onSession (session: Session): void {
    if (session.isOutbound || !session.their.wantsPeers) return
    const others = [...this.#us.swarm.sessions.values()].filter(other => other !== session)
    if (others.length === 0) return
    session.send({ type: 'peers', records: others.map(other => recordOf(other.peerId)) })
    for (const other of others) other.send({ type: 'peers', records: [recordOf(session.peerId)] })
  }

  onPeers (session: Session, records: readonly Uint8Array[]): void {
    for (const record of records) {
      const peerId = Buffer.from(record).toString()
      if (!this.#isPeer(peerId)) return session.fail('Peer sent a peer record that is not valid')
      const waitMs = dialsFirst(this.#us.id, peerId) ? 0 : SECOND_DIALLER_MS
      if (this.#us.machine.role === 'puller') this.#search.add({ peerId, addrs: [peerId], isHint: false, waitMs })
    }
  }
}

function recordOf (peerId: string): Uint8Array {
  return new Uint8Array(Buffer.from(peerId))
}
