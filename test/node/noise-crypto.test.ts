import { pureJsCrypto } from '@chainsafe/libp2p-noise'
import { describe, expect, it } from 'vitest'
import { Uint8ArrayList } from 'uint8arraylist'
import { noiseCrypto } from '../../src/node/noise-crypto.ts'
import type { ICryptoInterface } from '@chainsafe/libp2p-noise'

type List = Exclude<Parameters<ICryptoInterface['hashSHA256']>[0], Uint8Array>

const SIZES = [0, 1, 100, 512, 513, 65519]
const key = pattern(32)
const nonce = pattern(12)
const ad = pattern(32)

function pattern (length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i * 31 + length)
}

/** The same bytes in three pieces, the last of them empty. */
function listOf (bytes: Uint8Array): List {
  const half = bytes.byteLength >> 1
  const list: unknown = new Uint8ArrayList(bytes.subarray(0, half), bytes.subarray(half), new Uint8Array(0))
  return list as List
}

function flat (bytes: Uint8Array | List): Uint8Array {
  return Uint8Array.from(bytes.subarray())
}

describe('noiseCrypto computes what the JavaScript of Noise computes', () => {
  it.each(SIZES)('hash and cipher of %i bytes, whole and in pieces', size => {
    const plain = pattern(size)
    const sealed = flat(pureJsCrypto.chaCha20Poly1305Encrypt(plain, nonce, ad, key))
    for (const form of [(bytes: Uint8Array) => bytes, listOf]) {
      expect(flat(noiseCrypto.hashSHA256(form(plain)))).toEqual(flat(pureJsCrypto.hashSHA256(plain)))
      expect(flat(noiseCrypto.chaCha20Poly1305Encrypt(form(plain), nonce, ad, key))).toEqual(sealed)
      expect(flat(noiseCrypto.chaCha20Poly1305Decrypt(form(sealed), nonce, ad, key))).toEqual(plain)
    }
  })

  it.each([100, 1000])('a message of %i bytes that was touched, or is no message, is refused', size => {
    const sealed = flat(pureJsCrypto.chaCha20Poly1305Encrypt(pattern(size), nonce, ad, key))
    for (const at of [3, sealed.byteLength - 1]) {
      const touched = Uint8Array.from(sealed)
      touched[at] = (touched[at] ?? 0) ^ 1
      expect(() => noiseCrypto.chaCha20Poly1305Decrypt(touched, nonce, ad, key)).toThrow()
    }
    expect(() => noiseCrypto.chaCha20Poly1305Decrypt(sealed, nonce, pattern(31), key)).toThrow()
    expect(() => noiseCrypto.chaCha20Poly1305Decrypt(pattern(15), nonce, ad, key)).toThrow()
  })

  it.each([0, 32])('keys out of %i bytes', size => {
    const input = pattern(size)
    expect(noiseCrypto.getHKDF(key, input).map(flat)).toEqual(pureJsCrypto.getHKDF(key, input).map(flat))
  })

  it('a shared key, by the bytes of a key made here and of any other', () => {
    const ours = noiseCrypto.generateX25519KeyPair()
    const theirs = pureJsCrypto.generateX25519KeyPair()
    const shared = flat(pureJsCrypto.generateX25519SharedKey(theirs.privateKey, ours.publicKey))
    expect(flat(noiseCrypto.generateX25519SharedKey(ours.privateKey, theirs.publicKey))).toEqual(shared)
    expect(flat(noiseCrypto.generateX25519SharedKey(ours.privateKey, listOf(theirs.publicKey)))).toEqual(shared)
    const copied = Uint8Array.from(ours.privateKey)
    expect(flat(noiseCrypto.generateX25519SharedKey(copied, theirs.publicKey))).toEqual(shared)
  })

  it('a public key that gives a shared key known to all is refused', () => {
    const { privateKey } = noiseCrypto.generateX25519KeyPair()
    expect(() => noiseCrypto.generateX25519SharedKey(privateKey, new Uint8Array(32))).toThrow()
  })
})
