// Peer records: signed by anybody, told on by others.
import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { isModelswarmError } from '../../src/errors.ts'
import { readPeerRecord } from '../../src/swarm/peer-record.ts'
import { bendBytes } from './bytes.ts'
import { bendProtobuf } from './protobuf.ts'
import type { Random } from '../random.ts'
import type { Decoder } from './decoder.ts'
import type { PrivateKey } from '@libp2p/interface'

const ADDRS = ['/ip4/127.0.0.1/tcp/4001', '/ip4/10.1.2.3/tcp/1', '/ip6/::1/tcp/65535', '/ip6/fe80::1/tcp/1', '/dns4/peer.example/tcp/443',
  '/dns4/localhost/tcp/1', '/ip4/192.0.2.7/udp/9/quic-v1', '/ip6/::ffff:10.0.0.1/tcp/2']
/** Signing takes longest: most records are one of these, bent. */
const SIGNED_BEFORE = 64
/** Stands for a record that cannot be read, which is no fault of its bearer. */
const SKIPPED = new Error('Skipped')

/** Records whose payload was bent before it was signed, so that they are opened; and others bent afterwards. */
export async function peerRecords (random: Random): Promise<Decoder> {
  // RSA and secp256k1 keys cannot be made from a seed: an input of theirs is told in full where it breaks something.
  const keys = [
    await generateKeyPairFromSeed('Ed25519', random.bytes(32)), await generateKeyPairFromSeed('Ed25519', random.bytes(32)),
    await generateKeyPair('secp256k1'), await generateKeyPair('RSA', 2048)
  ]
  const signed: Uint8Array[] = []
  for (let i = 0; i < SIGNED_BEFORE; i++) signed.push(await sign(random.pick(keys), random))
  const { signal } = new AbortController()
  return {
    name: 'peer record',
    make: async one => one.chance(0.1) ? await sign(one.pick(keys.slice(0, 2)), one) : one.pick(signed),
    bend: bendProtobuf,
    decode: async input => {
      const read = await readPeerRecord(input, { isKnown: () => false, from: '/ip4/127.0.0.1/tcp/1', sourceId: 'peer', signal })
      if (read === undefined) throw SKIPPED
    },
    isRefusal: err => err === SKIPPED || isModelswarmError(err, 'ERR_BAD_RECORD')
  }
}

async function sign (key: PrivateKey, random: Random): Promise<Uint8Array> {
  const multiaddrs = Array.from({ length: random.below(5) }, () => multiaddr(random.pick(ADDRS)))
  const record = new PeerRecord({ peerId: peerIdFromPrivateKey(key), multiaddrs, seqNumber: BigInt(random.next()) })
  let payload = record.marshal()
  for (let bends = random.below(3); bends > 0; bends--) {
    payload = random.chance(0.7) ? bendProtobuf(payload, random) : bendBytes(payload, random, payload)
  }
  const { domain, codec } = record
  const envelope = await RecordEnvelope.seal({ domain, codec, marshal: () => payload, equals: () => false }, key)
  return envelope.marshal()
}
