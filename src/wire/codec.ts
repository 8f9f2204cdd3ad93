import { encode as encodeVarint, encodingLength } from 'uint8-varint'
import { isModelswarmError, ModelswarmError } from '../errors.ts'
import { WIRE_LIMITS } from './limits.ts'
import { Frame } from './pb/messages.ts'
import type { Message } from './messages.ts'

/**
 * One frame's header: its length as an unsigned varint, then the protobuf message. A `block` is followed by
 * `payloadBytes` bytes of payload that the caller sends itself, uncopied.
 */
export function encodeFrame (message: Message): Uint8Array {
  const body = Frame.encode(toFrame(message))
  const prefix = encodingLength(body.byteLength)
  const frame = new Uint8Array(prefix + body.byteLength)
  encodeVarint(body.byteLength, frame)
  frame.set(body, prefix)
  return frame
}

/**
 * Reads the protobuf message of one frame's header (without its length). Byte fields are copied out of `body`.
 *
 * @returns undefined for a message of a kind this version does not know
 * @throws ModelswarmError ERR_BAD_FRAME for anything else that is no valid message, or beyond WIRE_LIMITS
 */
export function decodeFrame (body: Uint8Array): Message | undefined {
  try {
    return fromFrame(Frame.decode(body, { limits: FRAME_LIMITS }))
  } catch (err) {
    if (isModelswarmError(err)) throw err
    throw new ModelswarmError('ERR_BAD_FRAME', `Frame of ${body.byteLength} bytes is no valid message`, { cause: err })
  }
}

const L = WIRE_LIMITS
const FRAME_LIMITS = {
  hello: { encodings: L.encodings, bases: L.encodings },
  have: { indexes: L.indexes, coming: L.comingBlocks },
  request: { indexes: L.indexes, cids: L.cids, encodings: L.encodings, bases: L.encodings },
  reject: { indexes: L.indexes, cids: L.cids, spans: L.cids },
  cancel: { indexes: L.indexes },
  peers: { records: L.peerRecords }
}

function toFrame (message: Message): Frame {
  switch (message.type) {
    case 'hello': return { hello: { ...message, encodings: [...message.encodings], bases: [] } }
    case 'attach': return { attach: { token: message.token } }
    case 'holdings': return { holdings: message }
    case 'have':
      return {
        have: {
          indexes: [...message.indexes],
          coming: [...message.coming ?? []],
          ...maybe('queuedMs', message.queuedMs)
        }
      }
    case 'want': return { want: { upTo: message.upTo, modes: message.modes } }
    case 'mode': return { mode: { mode: message.mode, given: message.given } }
    case 'request':
      return {
        request: {
          indexes: [...message.indexes],
          cids: [...message.cids],
          belowBytes: message.belowBytes ?? 0,
          encodings: [],
          bases: []
        }
      }
    case 'block':
      return {
        block: {
          index: message.index,
          cid: message.cid ?? EMPTY,
          payloadBytes: message.payloadBytes,
          encoding: message.encoding,
          base: EMPTY,
          ...maybe('sentMs', message.sentMs)
        }
      }
    case 'reject':
      return {
        reject: {
          indexes: [...message.indexes],
          cids: [...message.cids],
          reason: message.reason,
          retryAfterMs: message.retryAfterMs,
          spans: []
        }
      }
    case 'cancel': return { cancel: { indexes: [...message.indexes] } }
    case 'peers': return { peers: { records: [...message.records] } }
    case 'alive': return { alive: { answer: message.answer } }
    case 'bye': return { bye: { reason: message.reason } }
  }
}

const EMPTY = new Uint8Array(0)

/** A field that may be absent: generated types know no undefined. */
function maybe<K extends string> (key: K, value: number | undefined): Partial<Record<K, number>> {
  return value === undefined ? {} : { [key]: value } as Record<K, number>
}

function fromFrame (frame: Frame): Message | undefined {
  const known = Object.keys(frame).length
  if (known === 0) return undefined
  if (known > 1) throw new ModelswarmError('ERR_BAD_FRAME', `Frame carries ${known} messages; it must carry one`)
  if (frame.block !== undefined) {
    const { index, cid, payloadBytes, encoding, sentMs } = frame.block
    if (payloadBytes > L.payloadBytes) {
      throw new ModelswarmError('ERR_BAD_FRAME', `Block of ${payloadBytes} bytes; the limit is ${L.payloadBytes}`,
        { expected: L.payloadBytes, received: payloadBytes })
    }
    const name = cid.byteLength === 0 ? undefined : checkCid(cid)
    return { type: 'block', index, cid: name, payloadBytes, encoding, sentMs }
  }
  if (frame.have !== undefined) {
    const { indexes, queuedMs, coming } = frame.have
    return { type: 'have', indexes, queuedMs, ...(coming.length > 0 && { coming }) }
  }
  if (frame.request !== undefined) {
    const { indexes, cids, belowBytes } = frame.request
    return { type: 'request', indexes, cids: cids.map(checkCid), ...(belowBytes > 0 && { belowBytes }) }
  }
  if (frame.want !== undefined) return { type: 'want', upTo: toSafeNumber(frame.want.upTo), modes: frame.want.modes }
  if (frame.reject !== undefined) {
    const { indexes, cids, reason, retryAfterMs } = frame.reject
    return { type: 'reject', indexes, cids: cids.map(checkCid), reason, retryAfterMs }
  }
  if (frame.cancel !== undefined) return { type: 'cancel', indexes: frame.cancel.indexes }
  if (frame.mode !== undefined) {
    return { type: 'mode', mode: frame.mode.mode, given: toSafeNumber(frame.mode.given) }
  }
  if (frame.alive !== undefined) return { type: 'alive', answer: frame.alive.answer }
  if (frame.bye !== undefined) return { type: 'bye', reason: frame.bye.reason }
  if (frame.attach !== undefined) return { type: 'attach', token: copy(frame.attach.token, 64) }
  if (frame.hello !== undefined) {
    const { proof, features, encodings, mode, tree, token } = frame.hello
    return { type: 'hello', proof: copy(proof, 64), features, encodings, mode, tree, token: copy(token, 64) }
  }
  if (frame.holdings !== undefined) {
    const { blocks, all, bits, unwanted } = frame.holdings
    if (blocks > L.blocks) {
      throw new ModelswarmError('ERR_BAD_FRAME', `Holdings of ${blocks} blocks; the limit is ${L.blocks}`)
    }
    const most = Math.ceil(blocks / 8)
    return { type: 'holdings', blocks, all, bits: copy(bits, most), unwanted: copy(unwanted, most) }
  }
  if (frame.peers !== undefined) {
    return { type: 'peers', records: frame.peers.records.map(record => copy(record, L.peerRecordBytes)) }
  }
  return undefined
}

function checkCid (cid: Uint8Array): Uint8Array {
  return copy(cid, L.cidBytes)
}

/** Decoded byte fields are views of the frame; a copy lets the frame go. (slice would not copy: it may be a Buffer.) */
function copy (bytes: Uint8Array, most: number): Uint8Array {
  if (bytes.byteLength > most) {
    throw new ModelswarmError('ERR_BAD_FRAME', `Field of ${bytes.byteLength} bytes; the limit is ${most}`,
      { expected: most, received: bytes.byteLength })
  }
  return new Uint8Array(bytes)
}

function toSafeNumber (value: number): number {
  if (!Number.isSafeInteger(value)) throw new ModelswarmError('ERR_BAD_FRAME', 'A number of the frame is beyond 2^53-1')
  return value
}
