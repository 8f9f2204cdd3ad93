import { walkModel } from '../publish/walk-model.ts'
import { checkAbortSignal, checkKeys, checkPath } from './options.ts'
import type { PublishOptions } from '../api.ts'

/**
 * Looks whether a file or folder can be published, without reading or recording anything: for who has several to
 * publish, and wants none of them published when one cannot be.
 *
 * @throws ModelswarmError what publishing it would throw before it reads: ERR_PATH_NOT_FOUND, ERR_PATH_KIND,
 *   ERR_PATH_EMPTY, ERR_PATH_PERMISSION, ERR_UNSAFE_NAME, ERR_TREE_LIMIT, ERR_DISK; the signal's reason when aborted
 */
export async function checkPublishable (path: string, options: Pick<PublishOptions, 'signal'> = {}): Promise<void> {
  checkPath('checkPublishable', 'path', path)
  checkKeys('checkPublishable', options, ['signal'])
  checkAbortSignal('checkPublishable', options.signal)
  await walkModel(path, options)
}
