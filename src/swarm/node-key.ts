/** A tree node's CID, in bytes, as the key of a map. */
export function nodeKey (cid: Uint8Array): string {
  return String.fromCharCode(...cid)
}
