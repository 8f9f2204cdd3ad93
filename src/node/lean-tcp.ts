import { Socket } from 'node:net'
import { tcp } from '@libp2p/tcp'
import { sealedMemory } from '../memory.ts'
import { SocketIntake } from './socket-intake.ts'
import type { MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface'
import type { TCPComponents } from '@libp2p/tcp'
import type { Uint8ArrayList } from 'uint8arraylist'

/**
 * The TCP transport of libp2p, with its writes gathered, and what we dial read into one buffer (socket-intake.ts).
 * @libp2p/tcp 11 writes every chunk of a message by a call of its own, and Noise makes of one message a length, some
 * ciphertext and a tag: four system calls and TCP segments where one does. Corking the socket until the end of the
 * tick makes one `writev` of them, together with whatever else is sent meanwhile. Touches nothing when a connection is
 * not what we know it to be.
 */
export function leanTcp (): (components: TCPComponents) => Transport {
  const create = tcp()
  let isKnown = true
  return components => {
    const transport = create(components)
    const dial = transport.dial.bind(transport)
    const createListener = transport.createListener.bind(transport)
    transport.dial = async (addr, options) => {
      if (!isKnown) return await dial(addr, { ...options, upgrader: corking(options.upgrader) })
      const intake = new SocketIntake()
      const attach = (connection: MultiaddrConnection): void => {
        isKnown = intake.attach(connection)
        if (!isKnown) throw new TypeError('The connection of @libp2p/tcp is not as it was; the next dial reads without haste')
      }
      // Node takes `onread` from whoever makes a socket; @libp2p/tcp passes on what it does not know.
      const withIntake = { ...options, upgrader: corking(options.upgrader, attach), onread: intake.onread }
      return await dial(addr, withIntake)
    }
    transport.createListener = options => createListener({ ...options, upgrader: corking(options.upgrader) })
    return transport
  }
}

function corking (upgrader: Upgrader, onConnection?: (connection: MultiaddrConnection) => void): Upgrader {
  return new Proxy(upgrader, {
    get (target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name !== 'upgradeInbound' && name !== 'upgradeOutbound') return value.bind(target)
      return (connection: MultiaddrConnection, ...rest: unknown[]): unknown => {
        gatherWrites(connection)
        onConnection?.(connection)
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
    for (const chunk of data) {
      const onWritten = sealedMemory.isEnd(chunk) ? giveBack.bind(undefined, chunk) : undefined
      canSendMore = socket.write(chunk, onWritten)
    }
    return { sentBytes: data.byteLength, canSendMore }
  }
}

/** What Noise made is nobody's once the system has it. After a failure who knows; the collector does. */
function giveBack (chunk: Uint8Array, err?: Error | null): void {
  if (err === undefined || err === null) sealedMemory.giveBack(chunk)
}
