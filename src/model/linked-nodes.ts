import { varint } from 'multiformats'
import { DAG_PB_CODEC, DIGEST_BYTES, SHA2_256 } from './block-id.ts'

// Of a node of dag-pb (the DAG-PB specification): repeated Links in field 2, in each the CID in field 1, all of them
// bytes.
const LINKS = 0x12
const HASH = 0x0a
const CID_V0 = Uint8Array.of(SHA2_256, DIGEST_BYTES)
const CID_V1 = Uint8Array.of(1, DAG_PB_CODEC, ...CID_V0)

/**
 * The CIDs, version 1, of the dag-pb nodes that a node of the tree links to: other nodes, and leaves that wrap their
 * bytes. Makes no CID of the links to raw blocks, of which a large file's node has a thousand: decoding them all takes
 * 10 ms, this a tenth of one. Of bytes that are no such node it gives what it can read, which is mostly nothing.
 */
export function linkedNodes (bytes: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = []
  try {
    addLinks(bytes, found)
  } catch (err) {
    if (!(err instanceof RangeError)) throw err
  }
  return found
}

function addLinks (bytes: Uint8Array, found: Uint8Array[]): void {
  for (const [tag, link] of fieldsOf(bytes)) {
    if (tag !== LINKS) continue
    for (const [inner, cid] of fieldsOf(link)) {
      if (inner !== HASH) continue
      if (isNamed(cid, CID_V1)) found.push(new Uint8Array(cid))
      if (isNamed(cid, CID_V0)) found.push(Uint8Array.of(...CID_V1, ...cid.subarray(CID_V0.byteLength)))
    }
  }
}

/** The fields of a protobuf message that are bytes, up to one that is not. */
function * fieldsOf (message: Uint8Array): Generator<[tag: number, value: Uint8Array]> {
  for (let at = 0; at < message.byteLength;) {
    const tag = message[at++] ?? 0
    if ((tag & 7) !== 2 || at >= message.byteLength) return
    const [length, lengthBytes] = varint.decode(message, at)
    at += lengthBytes
    yield [tag, message.subarray(at, at + length)]
    at += length
  }
}

/** True for this prefix and a digest. */
function isNamed (cid: Uint8Array, prefix: Uint8Array): boolean {
  return cid.byteLength === prefix.byteLength + DIGEST_BYTES && prefix.every((byte, i) => cid[i] === byte)
}
