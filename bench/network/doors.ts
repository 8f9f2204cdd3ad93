import net from 'node:net'
import type { NetConnectOpts, Socket } from 'node:net'

/**
 * Sends every TCP connection that this process dials through a door: by port, as all nodes are on loopback. A port
 * without one cannot be dialled any more, so that nothing goes past the shaped network. @libp2p/tcp calls `net.connect`
 * on the module's object, with options; nothing else here dials.
 */
export function useDoors (doors: ReadonlyMap<number, number>): void {
  const { connect } = net
  Object.assign(net, {
    connect: (options: NetConnectOpts): Socket => {
      const door = 'port' in options ? doors.get(options.port) : undefined
      if (door === undefined) throw new Error(`No door leads to ${'port' in options ? options.port : options.path}`)
      return connect({ ...options, port: door })
    }
  })
}
