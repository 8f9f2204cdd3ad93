/** What of libp2p's MultiaddrConnection is used. */
export interface Receiver {
  onData: (data: Uint8Array) => void
  readStatus: string
  readBufferLength: number
  listenerCount: (type: string) => number
}

export function isReceiver (connection: object): connection is Receiver {
  return 'onData' in connection && typeof connection.onData === 'function' &&
    'readStatus' in connection && typeof connection.readStatus === 'string' &&
    'readBufferLength' in connection && typeof connection.readBufferLength === 'number' &&
    'listenerCount' in connection && typeof connection.listenerCount === 'function'
}

/** Connections whose one listener uses up what it is given by the time it returns. */
const readAtOnce = new WeakSet<object>()

/**
 * From now on the one listener of this connection uses up what it is given by the time it returns, and nobody is told
 * of a chunk that `keep` takes. A thin link delivers every packet by itself, and libp2p's way from the socket to Noise
 * costs 40 us each time, though a message of Noise is complete only with the fortieth or so.
 */
export function readsAtOnce (connection: object, keep: (chunk: Uint8Array) => boolean): void {
  readAtOnce.add(connection)
  if (!isReceiver(connection)) return
  const onData = connection.onData.bind(connection)
  connection.onData = data => {
    if (data instanceof Uint8Array && usesUp(connection) && keep(data)) return
    onData(data)
  }
}

/** Nothing waits and nobody but that listener listens: the bytes have been used up when onData returns. */
export function usesUp (connection: Receiver): boolean {
  return readAtOnce.has(connection) && connection.readStatus === 'readable' &&
    connection.readBufferLength === 0 && connection.listenerCount('message') === 1
}
