import type { CID } from 'multiformats/cid'

const CONTEXT = 'modelswarm/1 knows root'

/**
 * Shows that `from` knows a root, to `to` only: HMAC-SHA256 (RFC 2104) keyed by the root's CID over both peer ids.
 * Someone who does not know the root learns nothing from it, and cannot use it towards anyone else, since peer ids
 * are proven by the connection's handshake.
 */
export async function proofOf (root: CID, from: string, to: string): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey('raw', root.bytes.slice(), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const text = new TextEncoder().encode(`${CONTEXT}\n${from}\n${to}`)
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, text))
}
