import { encode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { DAG_PB_CODEC, SHA2_256 } from './block-id.ts'
import { varintBytes } from './leaf.ts'
import { fileData } from './unixfs-file.ts'
import type { Hash } from './block-id.ts'

/** What a tree node links to: a block or another node. */
export interface TreeLink {
  readonly cid: CID
  /** File bytes below it; of folders 0. */
  readonly fileBytes: number
  /** Bytes of all nodes and blocks below it, itself included, repeats counted: `Tsize` in dag-pb. */
  readonly treeBytes: number
}

/** An entry of a folder. */
export interface FolderLink extends TreeLink {
  readonly name: string
}

/** Takes each finished node of a tree, children before parents; bytes are handed over. Equal nodes may come again. */
export type OnNode = (cid: CID, bytes: Uint8Array) => void | Promise<void>

export interface NodeParts {
  hash: Hash
  onNode: OnNode
}

/** A UnixFS File node above blocks or other file nodes. */
export async function putFileNode (links: readonly TreeLink[], parts: NodeParts): Promise<TreeLink> {
  const sizes = links.map(link => link.fileBytes)
  const node = await putNode(fileData(sizes), links.map(link => ({ ...link, name: '' })), parts)
  return { ...node, fileBytes: sizes.reduce((sum, size) => sum + size, 0) }
}

/** A UnixFS Directory node; links in byte order of their names. */
export async function putFolderNode (links: readonly FolderLink[], parts: NodeParts): Promise<TreeLink> {
  return await putNode(new UnixFS({ type: 'directory' }).marshal(), links, parts)
}

/** Encodes, hashes and hands out a node over links that are already in order, from its UnixFS Data; of a folder. */
export async function putNode (data: Uint8Array, links: readonly FolderLink[], parts: NodeParts): Promise<TreeLink> {
  const bytes = encode({
    Data: data,
    Links: links.map(link => ({ Hash: link.cid, Name: link.name, Tsize: link.treeBytes }))
  })
  const cid = CID.createV1(DAG_PB_CODEC, Digest.create(SHA2_256, await parts.hash(bytes)))
  const below = links.reduce((sum, link) => sum + link.treeBytes, 0)
  const treeBytes = bytes.byteLength + below
  await parts.onNode(cid, bytes)
  return { cid, fileBytes: 0, treeBytes }
}

/** Bytes that one link takes in its node (dag-pb spec: PBLink with Hash, Name, Tsize). */
export function linkBytes (link: FolderLink): number {
  const cid = link.cid.bytes.byteLength
  const name = encoder.encode(link.name).byteLength
  const inner = 1 + varintBytes(cid) + cid + 1 + varintBytes(name) + name + 1 + varintBytes(link.treeBytes)
  return 1 + varintBytes(inner) + inner
}

/** Bytes of a Directory node without links: the frame and the type. */
export const FOLDER_FRAME_BYTES = 4

const encoder = new TextEncoder()
