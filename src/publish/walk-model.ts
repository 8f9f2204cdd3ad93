import { walk } from '../files/walk.ts'
import { checkNames } from '../model/safe-name.ts'
import type { WalkedEntry, WalkOptions } from '../files/walk.ts'

/**
 * Everything below a path that a model of it consists of, in the order of its tree; nothing is read.
 *
 * @throws ModelswarmError what walk throws, and ERR_UNSAFE_NAME or ERR_TREE_LIMIT for names that nobody could pull
 */
export async function walkModel (path: string, options: WalkOptions): Promise<WalkedEntry[]> {
  const entries: WalkedEntry[] = []
  for await (const entry of walk(path, options)) entries.push(entry)
  // Nobody should publish what nobody can pull.
  checkNames({
    files: entries.filter(entry => entry.kind === 'file'),
    emptyFolders: entries.filter(entry => entry.kind === 'emptyFolder').map(entry => entry.path)
  })
  return entries
}
