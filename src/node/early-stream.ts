import { protocolLines } from '../wire/protocol-answer.ts'
import type { Connection, Stream } from '@libp2p/interface'

interface Muxer {
  readonly status: string
  createStream: (options: object) => Promise<Stream>
}

function hasMuxer (connection: object): connection is { muxer: Muxer } {
  if (!('muxer' in connection)) return false
  const { muxer } = connection
  return typeof muxer === 'object' && muxer !== null && 'status' in muxer && muxer.status === 'open' &&
    'createStream' in muxer && typeof muxer.createStream === 'function'
}

/**
 * Opens a stream and speaks its protocol before the peer has agreed to it, which multistream-select allows and libp2p 3
 * does not do: a round trip less. What the peer says on it begins with its answer (ProtocolAnswer). Undefined where the
 * connection is not what we know libp2p's to be, or has `most` such streams already: libp2p's own way is open then.
 */
export async function openEarly (connection: Connection, protocol: string, most: number): Promise<Stream | undefined> {
  if (connection.status !== 'open' || connection.limits !== undefined || !hasMuxer(connection)) return undefined
  const isSame = (stream: Stream): boolean => stream.protocol === protocol && stream.direction === 'outbound'
  if (connection.streams.filter(isSame).length >= most) return undefined
  const stream = await connection.muxer.createStream({})
  if (stream.protocol !== '') {
    stream.abort(new Error('The muxer has agreed on a protocol itself'))
    return undefined
  }
  stream.protocol = protocol
  stream.send(protocolLines(protocol))
  return stream
}
