import { encode, encodingLength } from 'uint8-varint'
import { ModelswarmError } from '../errors.ts'

const MULTISTREAM = '/multistream/1.0.0'

/**
 * What both sides say of a stream to agree on its protocol (multistream-select 1.0.0): lines, each after its length as
 * a varint.
 */
export function protocolLines (protocol: string): Uint8Array {
  const lines = [MULTISTREAM, protocol].map(text => new TextEncoder().encode(`${text}\n`))
  const bytes = new Uint8Array(lines.reduce((sum, { byteLength }) => sum + encodingLength(byteLength) + byteLength, 0))
  let at = 0
  for (const line of lines) {
    encode(line.byteLength, bytes, at)
    at += encodingLength(line.byteLength)
    bytes.set(line, at)
    at += line.byteLength
  }
  return bytes
}

/**
 * The answer to be expected of a peer to which we have already spoken a protocol, as if it had agreed: a round trip
 * less. It stands before everything else that the peer says.
 */
export class ProtocolAnswer {
  readonly #lines: Uint8Array
  readonly #onAgreed: () => void
  #seen = 0

  constructor (protocol: string, onAgreed: () => void) {
    this.#lines = protocolLines(protocol)
    this.#onAgreed = onAgreed
  }

  /**
   * Takes the next bytes of the stream; gives back what comes after the answer.
   *
   * @throws ModelswarmError ERR_VERSION when the answer is another
   */
  take (chunk: Uint8Array): Uint8Array {
    const left = this.#lines.byteLength - this.#seen
    if (left === 0) return chunk
    const bytes = Math.min(left, chunk.byteLength)
    for (let i = 0; i < bytes; i++) if (chunk[i] !== this.#lines[this.#seen + i]) throw otherVersion()
    this.#seen += bytes
    if (bytes === left) this.#onAgreed()
    return chunk.subarray(bytes)
  }
}

export function otherVersion (cause?: unknown): ModelswarmError {
  return new ModelswarmError('ERR_VERSION', 'Peer does not speak this version of modelswarm', { cause })
}
