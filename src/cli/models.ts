import { isModelswarmError } from '../index.ts'
import type { CommonOptions } from './options.ts'
import type { CliParts } from './parts.ts'
import type { Collection, Link } from '../index.ts'

/** Opens the state folder for as long as `use` runs; where it is not there, it is made only if `create` says so. */
export async function withCollection<T> (
  parts: CliParts, options: CommonOptions & { create?: boolean }, use: (collection: Collection) => Promise<T>
): Promise<T> {
  const collection = await parts.openCollection({ dir: options.state, create: options.create ?? false })
  try {
    return await use(collection)
  } finally {
    await collection.close()
  }
}

/** The link a text is, or undefined when it is none and may be a path. */
export function linkIn (text: string, parts: Pick<CliParts, 'parseLink'>): Link | undefined {
  try {
    return parts.parseLink(text)
  } catch (err) {
    // what begins like a link and is none is a broken link, not a path
    if (isModelswarmError(err, 'ERR_BAD_LINK') && !/^(modelswarm|ipfs):/i.test(text)) return undefined
    throw err
  }
}

/** The root where a link stands for one; any other text as it is. */
export function rootOrPath (text: string, parts: Pick<CliParts, 'parseLink'>): string {
  const link = linkIn(text, parts)
  return link === undefined ? text : String(link.root)
}

/** The peers a link names: if we took the identity of one of them, we could never reach it. */
export function peerIdsOf (link: Link): string[] {
  return link.peers.flatMap(peer => peer.id === undefined ? [] : [String(peer.id)])
}
