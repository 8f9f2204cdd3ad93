import { createCipheriv, createDecipheriv, createHash, createHmac, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto'
import { ChaCha20Poly1305, newInstance } from '@chainsafe/as-chacha20poly1305'
import { pureJsCrypto } from '@chainsafe/libp2p-noise'
import type { ICryptoInterface } from '@chainsafe/libp2p-noise'
import type { Cipher, Decipher, KeyObject } from 'node:crypto'

/** As Noise has them: one of its dependencies is older than ours of the same name. */
type Bytes = Parameters<ICryptoInterface['hashSHA256']>[0]

const CIPHER = 'chacha20-poly1305'
const TAG_BYTES = 16
/**
 * Up to here WebAssembly seals and opens. Node makes an object and looks up its cipher for each message: both ends of
 * one of 30 bytes take 29 us in place of 8 once warm. At 1,200 bytes WebAssembly is the slower.
 */
const SMALL_BYTES = 512
/** All that the WebAssembly takes; Noise has an empty one after the handshake. */
const SMALL_AD_BYTES = 32

const small = new ChaCha20Poly1305(newInstance())

/** So that a key that was made here need not be read again from its bytes; keyed by those. */
const privateKeys = new WeakMap<object, KeyObject>()

/**
 * What Noise computes, by Node's own crypto, short messages by WebAssembly. @chainsafe/libp2p-noise 17 derives its keys
 * in JavaScript (HKDF), which nobody has compiled yet when the first connection comes, and wraps each curve key in DER
 * for OpenSSL to unwrap. The first handshake of a process took 12 ms for all of this and takes 3; the later ones 2 and
 * 0.5.
 */
export const noiseCrypto: ICryptoInterface = {
  ...pureJsCrypto,
  hashSHA256: data => {
    const hash = createHash('sha256')
    for (const part of partsOf(data)) hash.update(part)
    return hash.digest()
  },
  // HKDF (RFC 5869) with three blocks of output, as the Noise specification (34, section 4.3) writes it
  getHKDF: (chainingKey, input) => {
    const key = hmac(chainingKey, input)
    const first = hmac(key, Uint8Array.of(1))
    const second = hmac(key, first, Uint8Array.of(2))
    return [first, second, hmac(key, second, Uint8Array.of(3))]
  },
  generateX25519KeyPair: () => {
    const { privateKey: key } = generateKeyPairSync('x25519')
    const { x = '', d = '' } = key.export({ format: 'jwk' })
    const privateKey = Buffer.from(d, 'base64url')
    privateKeys.set(privateKey, key)
    return { publicKey: Buffer.from(x, 'base64url'), privateKey }
  },
  generateX25519SharedKey: (privateBytes, publicBytes) => {
    const privateKey = privateKeys.get(privateBytes)
    if (privateKey === undefined) return pureJsCrypto.generateX25519SharedKey(privateBytes, publicBytes)
    const x = Buffer.from(publicBytes.subarray()).toString('base64url')
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' })
    return diffieHellman({ privateKey, publicKey })
  },
  chaCha20Poly1305Encrypt: (plain, nonce, ad, key) => {
    if (isSmall(plain.byteLength, ad)) return small.seal(key, nonce, plain.subarray(), ad)
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(ad, { plaintextLength: plain.byteLength })
    const sealed = each(plain, cipher)
    cipher.final()
    const tag = cipher.getAuthTag()
    if (sealed instanceof Uint8Array) return Buffer.concat([sealed, tag])
    sealed.append(tag)
    return sealed
  },
  chaCha20Poly1305Decrypt: (sealed, nonce, ad, key) => {
    const length = sealed.byteLength - TAG_BYTES
    if (length >= 0 && isSmall(length, ad)) {
      const opened = small.open(key, nonce, sealed.subarray(), ad)
      if (opened === null) throw new Error('Noise message with a wrong tag')
      return opened
    }
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(ad, { plaintextLength: length })
    decipher.setAuthTag(sealed.subarray(length))
    const plain = each(sealed instanceof Uint8Array ? sealed.subarray(0, length) : sealed.sublist(0, length), decipher)
    decipher.final()
    return plain
  }
}

function isSmall (bytes: number, ad: Uint8Array): boolean {
  return bytes <= SMALL_BYTES && ad.byteLength <= SMALL_AD_BYTES
}

/** Of a list a list, so that nothing long is copied. */
function each (bytes: Bytes, cipher: Cipher | Decipher): Bytes {
  if (bytes instanceof Uint8Array) return cipher.update(bytes)
  const list = bytes.sublist(0, 0)
  for (const part of bytes) list.append(cipher.update(part))
  return list
}

function hmac (key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  const made = createHmac('sha256', key)
  for (const part of parts) made.update(part)
  return made.digest()
}

function partsOf (bytes: Bytes): Iterable<Uint8Array> {
  return bytes instanceof Uint8Array ? [bytes] : bytes
}
