import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { ModelswarmError } from '../errors.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { isUsableFrom } from './address-scope.ts'
import { Bucket } from './bucket.ts'
import type { Session } from './session.ts'

/** How many records of each session are looked at. */
export class RecordRates {
  readonly #rates = new WeakMap<Session, Bucket>()

  /** Whether one more may be. */
  take (session: Session, now: number): boolean {
    const rate = this.#rates.get(session) ?? new Bucket(WIRE_LIMITS.recordBurst, WIRE_LIMITS.recordsPerSec, now)
    this.#rates.set(session, rate)
    return rate.take(1, now)
  }
}

/**
 * Whom a signed peer record is of, and those of its addresses that we can use if we reach its bearer at `from`.
 *
 * @returns undefined for who is known already (checking a signature takes a millisecond), and for what cannot be read:
 * a newer libp2p may write keys and addresses that this one does not know, which is not the fault of who passes it on
 * @throws ModelswarmError ERR_BAD_RECORD when it is not signed by whom it is of; the signal's reason
 */
export async function readPeerRecord (bytes: Uint8Array, { isKnown, from, sourceId, signal }: {
  isKnown: (peerId: string) => boolean, from: string, sourceId: string, signal: AbortSignal
}): Promise<{ peerId: string, addrs: string[] } | undefined> {
  try {
    const envelope = RecordEnvelope.createFromProtobuf(bytes)
    const signer = peerIdFromPublicKey(envelope.publicKey)
    if (isKnown(signer.toString())) return undefined
    if (!await envelope.validate(PeerRecord.DOMAIN, { signal })) throw forged(sourceId)
    const record = PeerRecord.createFromProtobuf(envelope.payload)
    // By id: the id in a record of an RSA key is a hash, without the key.
    if (!record.peerId.equals(signer)) throw forged(sourceId)
    const addrs = record.multiaddrs.map(addr => addr.toString()).filter(addr => isUsableFrom(addr, from))
    return { peerId: signer.toString(), addrs }
  } catch (err) {
    signal.throwIfAborted()
    if (err instanceof ModelswarmError) throw err
    // What the decoders of libp2p throw has no common kind.
    return undefined
  }
}

function forged (sourceId: string): ModelswarmError {
  return new ModelswarmError('ERR_BAD_RECORD', 'Peer sent a peer record that is not signed by whom it names', { sourceId })
}
