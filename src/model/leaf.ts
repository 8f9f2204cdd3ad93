import { decode, encode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { ModelswarmError } from '../errors.ts'
import { sameBytes } from './block-id.ts'
import type { Hash } from './block-id.ts'

/** The UnixFS type of a wrapped leaf. Tools write `file` (Kubo today) or `raw` (older ones). */
export type WrapKind = 'file' | 'raw'

const WRAP_KINDS: readonly WrapKind[] = ['file', 'raw']

/** The dag-pb node of a foreign leaf that wraps these bytes of a file; canonical, so one per kind. Copies. */
export function wrapLeaf (kind: WrapKind, bytes: Uint8Array): Uint8Array {
  return encode({ Data: new UnixFS({ type: kind, data: bytes }).marshal(), Links: [] })
}

/**
 * The node of a foreign leaf re-made from its file bytes: tries both kinds against the 32-byte digest. Undefined when
 * neither gives that digest: then the file's bytes are no longer those of the block.
 */
export async function rewrapLeaf (bytes: Uint8Array, digest: Uint8Array, hash: Hash): Promise<Uint8Array | undefined> {
  for (const kind of WRAP_KINDS) {
    const node = wrapLeaf(kind, bytes)
    if (sameBytes(await hash(node), digest)) return node
  }
  return undefined
}

/**
 * The file bytes in a verified wrapped leaf: a view of the node.
 *
 * @throws ModelswarmError ERR_UNSUPPORTED_TREE when it is no leaf, or carries more than its bytes (a mode, a time, an
 *   unusual encoding), so that it could not be re-made from the file
 */
export function unwrapLeaf (node: Uint8Array): { kind: WrapKind, bytes: Uint8Array } {
  const { type, data = new Uint8Array(0) } = decodeLeaf(node)
  const kind = type === 'file' || type === 'raw' ? type : undefined
  if (kind === undefined || !sameBytes(wrapLeaf(kind, data), node)) throw unsupported()
  return { kind, bytes: data }
}

/** Bytes of the node that wraps this many file bytes; the same for both kinds. */
export function wrappedBytes (sizeBytes: number): number {
  // Data: type (2), data (1 + length + bytes; absent when empty), filesize (1 + varint); around it 1 + length
  const inner = 2 + (sizeBytes === 0 ? 0 : 1 + varintBytes(sizeBytes) + sizeBytes) + 1 + varintBytes(sizeBytes)
  return 1 + varintBytes(inner) + inner
}

/** Bytes of a protobuf varint. */
export function varintBytes (value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

function decodeLeaf (node: Uint8Array): UnixFS {
  try {
    const { Data, Links } = decode(node)
    if (Data !== undefined && Links.length === 0) return UnixFS.unmarshal(Data)
  } catch (err) {
    throw unsupported(err)
  }
  throw unsupported()
}

function unsupported (cause?: unknown): ModelswarmError {
  return new ModelswarmError('ERR_UNSUPPORTED_TREE',
    'A leaf of the tree is not plain file bytes in a UnixFS node: it could not be re-made from the file to pass it on',
    { cause })
}
