import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { readPeerRecord } from '../../src/swarm/peer-record.ts'
import type { PrivateKey } from '@libp2p/interface'

const ADDRS = ['/ip4/203.0.113.7/tcp/1', '/ip4/127.0.0.1/tcp/2', '/ip4/10.1.2.3/tcp/3']
const DOMAIN = PeerRecord.DOMAIN
const forged = { code: 'ERR_BAD_RECORD', details: { sourceId: 'bearer' } }

interface Own { known?: string, signal?: AbortSignal }

async function read (bytes: Uint8Array, own: Own = {}): ReturnType<typeof readPeerRecord> {
  const { known, signal = new AbortController().signal } = own
  return await readPeerRecord(bytes, { isKnown: id => id === known, from: '/ip4/10.9.9.9/tcp/1', sourceId: 'bearer', signal })
}

async function seal (key: PrivateKey, named = key): Promise<Uint8Array> {
  const record = new PeerRecord({ peerId: peerIdFromPrivateKey(named), multiaddrs: ADDRS.map(addr => multiaddr(addr)) })
  return (await RecordEnvelope.seal(record, key)).marshal()
}

async function sealPayload (key: PrivateKey, payload: Uint8Array): Promise<Uint8Array> {
  const record = { domain: DOMAIN, codec: PeerRecord.CODEC, marshal: () => payload, equals: () => false }
  return (await RecordEnvelope.seal(record, key)).marshal()
}

describe('a peer record', () => {
  it('is believed whatever kind of key signed it: an RSA id has no key in it', async () => {
    for (const key of [await generateKeyPair('Ed25519'), await generateKeyPair('secp256k1'), await generateKeyPair('RSA', 2048)]) {
      const peerId = peerIdFromPrivateKey(key).toString()
      expect(await read(await seal(key))).toEqual({ peerId, addrs: [ADDRS[0], ADDRS[2]] })
      expect(await read(await seal(key), { known: peerId })).toBe(undefined)
    }
  })

  it('is its bearer\'s fault when it names another, or its signature is not of its bytes', async () => {
    const [key, other] = [await generateKeyPair('RSA', 2048), await generateKeyPair('RSA', 2048)]
    await expect(read(await seal(key, other))).rejects.toMatchObject(forged)
    const ed = await generateKeyPair('Ed25519')
    const bent = (await seal(ed)).slice()
    bent[bent.length - 1] = (bent[bent.length - 1] ?? 0) ^ 1
    await expect(read(bent)).rejects.toMatchObject(forged)
  })

  it('is skipped when it cannot be read: who passes it on may know more', async () => {
    const key = await generateKeyPair('Ed25519')
    expect(await read(new Uint8Array(100).fill(9))).toBe(undefined)
    expect(await read(await sealPayload(key, new Uint8Array(100).fill(9)))).toBe(undefined)
  })

  it('is not judged when the reading is called off', async () => {
    const called = AbortSignal.abort(new Error('stopped'))
    await expect(read(await seal(await generateKeyPair('Ed25519')), { signal: called })).rejects.toThrow('stopped')
  })
})
