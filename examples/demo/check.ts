import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'

/** sha256 of every file, by its path inside the model. */
export type Checksums = ReadonlyMap<string, string>

/** Hashes a folder, or a single file as the one-file model it becomes. The demo trusts nothing that modelswarm says. */
export async function hashFiles (path: string): Promise<Checksums> {
  const sums = new Map<string, string>()
  const isFile = (await stat(path)).isFile()
  const base = isFile ? dirname(path) : path
  const names = isFile ? [basename(path)] : await filesBelow(path)
  for (const name of names.sort()) sums.set(name, await sha256(join(base, name)))
  return sums
}

/** How many files are the same as they were. @throws Error that names the first file that is not */
export function compareFiles (published: Checksums, pulled: Checksums, who: string): number {
  for (const [path, sum] of published) {
    const other = pulled.get(path)
    if (other === undefined) throw new Error(`${who} has no ${path}`)
    if (other !== sum) throw new Error(`${who} has another ${path}: sha256 ${other} instead of ${sum}`)
  }
  return published.size
}

async function filesBelow (dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => !entry.isDirectory() && !entry.name.endsWith('.modelswarm-part'))
    .map(entry => relative(dir, join(entry.parentPath, entry.name)))
}

async function sha256 (path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk)
  return hash.digest('hex')
}
