import { Socket } from 'node:net'
import { tcp } from '@libp2p/tcp'
import type { MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface'
import type { TCPComponents } from '@libp2p/tcp'
import type { Uint8ArrayList } from 'uint8arraylist'

/**
 * The TCP transport of libp2p, with its writes gathered. @libp2p/tcp 11 writes every chunk of a message by a call of
 * its own, and Noise makes of one message a length, some ciphertext and a tag: four system calls and TCP segments where
 * one does. Corking the socket until the end of the tick makes one `writev` of them, together with whatever else is
 * sent meanwhile. Touches nothing when a connection is not what we know it to be.
 */
export function corkedTcp (): (components: TCPComponents) => Transport {
  const create = tcp()
  return components => {
    const transport = create(components)
    const dial = transport.dial.bind(transport)
    const createListener = transport.createListener.bind(transport)
    transport.dial = async (addr, options) => await dial(addr, { ...options, upgrader: corking(options.upgrader) })
    transport.createListener = options => createListener({ ...options, upgrader: corking(options.upgrader) })
    return transport
  }
}

function corking (upgrader: Upgrader): Upgrader {
  return new Proxy(upgrader, {
    get (target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name !== 'upgradeInbound' && name !== 'upgradeOutbound') return value.bind(target)
      return (connection: MultiaddrConnection, ...rest: unknown[]): unknown => {
        gatherWrites(connection)
        return value.call(target, connection, ...rest)
      }
    }
  })
}

interface SocketConnection {
  socket: Socket
  sendData: (data: Uint8ArrayList) => { sentBytes: number, canSendMore: boolean }
}

function isSocketConnection (connection: object): connection is SocketConnection {
  return 'socket' in connection && connection.socket instanceof Socket &&
    'sendData' in connection && typeof connection.sendData === 'function'
}

function gatherWrites (connection: MultiaddrConnection): void {
  if (!isSocketConnection(connection)) return
  const { socket } = connection
  let isCorked = false
  const uncork = (): void => {
    isCorked = false
    socket.uncork()
  }
  connection.sendData = data => {
    if (!isCorked) {
      isCorked = true
      socket.cork()
      process.nextTick(uncork)
    }
    let canSendMore = true
    for (const chunk of data) canSendMore = socket.write(chunk)
    return { sentBytes: data.byteLength, canSendMore }
  }
}
