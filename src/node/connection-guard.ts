import { peerIdFromString } from '@libp2p/peer-id'
import { CROWDED_CONNECTIONS, FAREWELL_MS, IDLE_LOOK_MS } from '../machine-defaults.ts'
import { ModelswarmError } from '../errors.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { CONTROL_PROTOCOL, DATA_PROTOCOL } from '../wire/protocol.ts'
import { Handshakes } from './handshakes.ts'
import type { Clock } from '../swarm/ports.ts'
import type { Reputation } from '../swarm/reputation.ts'
import type { Connection, ConnectionGater, Libp2p } from '@libp2p/interface'

export interface ConnectionGuardParts {
  reputation: Reputation
  clock: Clock
}

/**
 * Keeps the connections of our own libp2p node to those that are of use: none of refused peers, few of one peer, few of
 * one address in their handshake, none that stays without a session. An application's node is left alone: its
 * connections serve other protocols too.
 */
export class ConnectionGuard {
  /** For createLibp2p. */
  readonly gater: ConnectionGater
  readonly #parts: ConnectionGuardParts
  readonly #handshakes = new Handshakes()
  /** When a connection was last seen to carry a stream of ours, or opened. */
  readonly #usedAt = new Map<Connection, number>()
  #libp2p: Libp2p | undefined
  #cancelLook: () => void = () => {}
  /** Of refused peers whose connections go soon. */
  readonly #cancelFarewells = new Set<() => void>()

  constructor (parts: ConnectionGuardParts) {
    this.#parts = parts
    const { reputation } = parts
    this.gater = {
      denyInboundConnection: connection =>
        reputation.isRefusedPlace(connection.remoteAddr.toString()) || !this.#handshakes.begin(connection),
      denyInboundEncryptedConnection: peerId => reputation.refusedForMs(peerId.toString()) > 0,
      denyInboundUpgradedConnection: (_, connection) => {
        this.#handshakes.end(connection)
        return false
      }
    }
  }

  watch (libp2p: Libp2p): void {
    this.#libp2p = libp2p
    libp2p.addEventListener('connection:open', this.#onOpen)
    libp2p.addEventListener('connection:close', this.#onClose)
    this.#armLook()
  }

  /** A peer is refused from now on: it hears so, then its connections go. */
  onRefused (peerId: string): void {
    const libp2p = this.#libp2p
    if (libp2p === undefined) return
    const cancel = this.#parts.clock.setTimer(FAREWELL_MS, () => {
      this.#cancelFarewells.delete(cancel)
      libp2p.hangUp(peerIdFromString(peerId)).catch(() => { /* it was gone already */ })
    })
    this.#cancelFarewells.add(cancel)
  }

  stop (): void {
    this.#cancelLook()
    for (const cancel of this.#cancelFarewells) cancel()
    this.#cancelFarewells.clear()
    this.#libp2p?.removeEventListener('connection:open', this.#onOpen)
    this.#libp2p?.removeEventListener('connection:close', this.#onClose)
    this.#libp2p = undefined
    this.#usedAt.clear()
  }

  readonly #onOpen = ({ detail: connection }: CustomEvent<Connection>): void => {
    const { remotePeer, remoteAddr, direction } = connection
    this.#usedAt.set(connection, this.#parts.clock.now())
    const own = this.#libp2p?.getConnections(remotePeer).length ?? 0
    if (direction === 'outbound' || own <= WIRE_LIMITS.connectionsPerPeer) return
    const err = new ModelswarmError('ERR_FLOOD', `Peer opens more than ${WIRE_LIMITS.connectionsPerPeer} connections`,
      { sourceId: remotePeer.toString() })
    this.#parts.reputation.onFailure(remotePeer.toString(), remoteAddr.toString(), err)
    connection.abort(err)
  }

  readonly #onClose = ({ detail: connection }: CustomEvent<Connection>): void => {
    this.#usedAt.delete(connection)
  }

  #armLook (): void {
    this.#cancelLook = this.#parts.clock.setTimer(IDLE_LOOK_MS, () => {
      this.#closeIdle()
      this.#armLook()
    })
  }

  #closeIdle (): void {
    const now = this.#parts.clock.now()
    const isCrowded = this.#usedAt.size > CROWDED_CONNECTIONS
    const mostMs = isCrowded ? WIRE_LIMITS.helloMs : WIRE_LIMITS.idleConnectionMs
    for (const [connection, usedAt] of this.#usedAt) {
      if (connection.streams.some(({ protocol }) => protocol === CONTROL_PROTOCOL || protocol === DATA_PROTOCOL)) {
        this.#usedAt.set(connection, now)
      } else if (now - usedAt > mostMs) {
        connection.close().catch((err: unknown) => { connection.abort(err instanceof Error ? err : new Error('Idle')) })
      }
    }
  }
}
