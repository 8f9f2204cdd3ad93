import { noise } from '@chainsafe/libp2p-noise'
import { isUint8ArrayList, Uint8ArrayList } from 'uint8arraylist'
import { openedMemory, readMemory, sealedMemory } from '../memory.ts'
import { noiseCrypto } from './noise-crypto.ts'
import { NoiseFrames } from './noise-frames.ts'
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface'

const TAG_BYTES = 16
const LENGTH_BYTES = 2
/** The most plaintext that one Noise message holds. */
const MAX_PLAIN_BYTES = 65535 - TAG_BYTES

/** Connections whose bytes are used up by the time a message event of theirs returns. */
const readAtOnce = new WeakSet<object>()

/** True when nothing keeps the bytes that this connection delivers: what they lie in may be read into again. */
export function isReadAtOnce (connection: object): boolean {
  return readAtOnce.has(connection)
}

/**
 * Noise as it is, computed by Node's crypto (noise-crypto.ts), with less garbage around. @chainsafe/libp2p-noise 17
 * copies each message that came in two reads into fresh memory that nobody looks at, and hands on each message by
 * itself. What V8 then does with that memory cost more than the cipher. Touches nothing when a connection is not what
 * we know it to be.
 */
export function leanNoise (): (components: NoiseComponents) => ConnectionEncrypter {
  const create = noise({ crypto: noiseCrypto })
  return components => {
    const encrypter = create(components)
    const inbound = encrypter.secureInbound.bind(encrypter)
    const outbound = encrypter.secureOutbound.bind(encrypter)
    encrypter.secureInbound = async (connection, options) => {
      const secured = await inbound(connection, options)
      makeLean(secured.connection)
      return secured
    }
    encrypter.secureOutbound = async (connection, options) => {
      const secured = await outbound(connection, options)
      makeLean(secured.connection)
      return secured
    }
    return encrypter
  }
}

/** What of Noise's EncryptedMessageStream is used or replaced: its listener decodes, decrypts and hands on. */
interface NoiseStream {
  stream: object
  handshake: {
    encrypt: (plain: Uint8Array | Uint8ArrayList) => Uint8Array | Uint8ArrayList
    decrypt: (message: Uint8Array) => Uint8Array | Uint8ArrayList
  }
  decoder: {
    buffer: Uint8ArrayList
    decode: (data: Uint8Array | Uint8ArrayList) => Iterable<Uint8ArrayList>
  }
  decrypt: (plain: Uint8ArrayList) => Uint8ArrayList
  encrypt: (chunk: Uint8Array | Uint8ArrayList) => Uint8ArrayList
}

function isNoiseStream (stream: object): stream is NoiseStream {
  return 'stream' in stream && isObject(stream.stream) &&
    'handshake' in stream && isObject(stream.handshake) &&
    'encrypt' in stream.handshake && typeof stream.handshake.encrypt === 'function' &&
    'decrypt' in stream.handshake && typeof stream.handshake.decrypt === 'function' &&
    'decoder' in stream && isObject(stream.decoder) &&
    'decode' in stream.decoder && typeof stream.decoder.decode === 'function' &&
    'buffer' in stream.decoder && isUint8ArrayList(stream.decoder.buffer) &&
    'decrypt' in stream && typeof stream.decrypt === 'function' &&
    'encrypt' in stream && typeof stream.encrypt === 'function'
}

function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function makeLean (stream: MessageStream): void {
  if (!isNoiseStream(stream)) return
  const { handshake, decoder } = stream
  const frames = new NoiseFrames()
  const decrypted = (data: Uint8Array | Uint8ArrayList): Iterable<Uint8ArrayList> => decryptAll(frames, data, handshake)
  // What came with the last message of the handshake may be the beginning of a frame.
  const begun = decoder.buffer.slice()
  decoder.buffer.consume(begun.byteLength)
  frames.push(begun, () => { throw new Error('Noise left a whole message undecrypted') })
  decoder.decode = decrypted
  stream.decrypt = plain => plain
  stream.encrypt = chunk => encryptAll(chunk, handshake)
  readAtOnce.add(stream.stream)
}

/** The messages that these bytes complete as one list; then the error of a bad one, so that nothing good is lost. */
function * decryptAll (
  frames: NoiseFrames, data: Uint8Array | Uint8ArrayList, { decrypt }: NoiseStream['handshake']
): Generator<Uint8ArrayList> {
  const plain = new Uint8ArrayList()
  let failure: unknown
  try {
    for (const chunk of partsOf(data)) {
      frames.push(chunk, message => {
        if (message.byteLength < TAG_BYTES) throw new Error('Noise message without a tag')
        for (const part of partsOf(decrypt(message))) plain.append(openedMemory.own(part))
      })
    }
  } catch (err) {
    failure = err
  }
  if (plain.byteLength > 0) yield plain
  if (failure !== undefined) throw failure
}

/** As Noise does it. */
function encryptAll (chunk: Uint8Array | Uint8ArrayList, { encrypt }: NoiseStream['handshake']): Uint8ArrayList {
  const output = new Uint8ArrayList()
  for (let at = 0; at < chunk.byteLength; at += MAX_PLAIN_BYTES) {
    const end = Math.min(at + MAX_PLAIN_BYTES, chunk.byteLength)
    const sealed = encrypt(chunk instanceof Uint8Array ? chunk.subarray(at, end) : chunk.sublist(at, end))
    const length = Buffer.allocUnsafe(LENGTH_BYTES)
    length.writeUInt16BE(sealed.byteLength)
    output.append(length)
    for (const part of partsOf(sealed)) output.append(sealedMemory.own(part))
  }
  giveBackSent(chunk)
  return output
}

/** What has been encrypted to its end is not needed any more, once those up the stack have counted what was sent. */
function giveBackSent (chunk: Uint8Array | Uint8ArrayList): void {
  const sent = partsOf(chunk).filter(part => readMemory.isEnd(part))
  if (sent.length > 0) process.nextTick(() => { for (const part of sent) readMemory.giveBack(part) })
}

function partsOf (bytes: Uint8Array | Uint8ArrayList): Uint8Array[] {
  return bytes instanceof Uint8Array ? [bytes] : [...bytes]
}
