import { ModelswarmError } from '../errors.ts'
import { identityOf } from '../files/file-identity.ts'
import { absolutePath } from '../files/paths.ts'
import { parseLink } from '../model/link.ts'
import type { ModelRecord } from '../store/models.ts'
import type { CID } from 'multiformats/cid'

/** The root that a text names; undefined for a text that must be a path. */
export function asRoot (text: string): CID | undefined {
  try {
    return parseLink(text).root
  } catch (err) {
    if (err instanceof ModelswarmError && err.code === 'ERR_BAD_LINK' && !text.startsWith('modelswarm:') && !text.startsWith('ipfs:')) {
      return undefined
    }
    throw err
  }
}

export function unknownRoot (root: string): ModelswarmError {
  return new ModelswarmError('ERR_UNKNOWN_ROOT',
    `${root.slice(0, 80)} is not in this state folder; "modelswarm ls" lists what is`, { blockId: root })
}

/**
 * Why there is nothing to compare a path with.
 *
 * @throws ModelswarmError ERR_PATH_NOT_FOUND, ERR_PATH_PERMISSION
 */
export async function nothingAt (path: string, records: readonly ModelRecord[]): Promise<ModelswarmError> {
  const absolute = absolutePath(path)
  const around = records.find(record => record.files.some(file => file.absolute === absolute))
  if (around !== undefined) {
    return new ModelswarmError('ERR_UNKNOWN_ROOT',
      `${path} is a file of the model at ${around.path}: give that folder, or its root ${around.root}`)
  }
  await identityOf(absolute)
  return new ModelswarmError('ERR_UNKNOWN_ROOT',
    `Nothing was published from or pulled to ${path}, so there is nothing to compare it with`)
}
