// Real nodes on loopback TCP, for tests: each with a state folder of its own, stopped when the test is over.
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { onTestFinished } from 'vitest'
import { createNode } from '../../src/index.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { noise } from '../model/tree-fixtures.ts'
import type { Node, NodeOptions } from '../../src/index.ts'

export const LOOPBACK = '/ip4/127.0.0.1/tcp/0'

export async function startNode (own: Partial<NodeOptions> = {}): Promise<Node> {
  const node = await createNode({ dir: own.dir ?? await tempFolder(), listen: [LOOPBACK], ...own })
  onTestFinished(async () => { await node.stop() })
  return node
}

/** Content by path; a path that ends in / is an empty folder. */
export type Files = Record<string, Uint8Array>

export async function writeFiles (files: Files, dir?: string): Promise<string> {
  const root = dir ?? join(await tempFolder(), 'model')
  await mkdir(root, { recursive: true })
  for (const [path, bytes] of Object.entries(files)) {
    if (path.endsWith('/')) {
      await mkdir(join(root, path), { recursive: true })
      continue
    }
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), bytes)
  }
  return root
}

/** Digests by path, empty folders too. */
export async function printsOf (dir: string): Promise<Record<string, string>> {
  const prints: Record<string, string> = {}
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = relative(dir, path)
    if (entry.isFile()) prints[name] = createHash('sha256').update(await readFile(path)).digest('hex')
    else if ((await readdir(path)).length === 0) prints[`${name}/`] = 'empty'
  }
  return prints
}

/** A fresh place to pull into. */
export async function target (): Promise<string> {
  return join(await tempFolder(), 'pulled')
}

/** A model of some megabytes in a few files, one of them with blocks that repeat. */
export function someFiles (seed = 1, bytes = 3_000_000): Files {
  const repeated = noise(seed + 100, 65_536)
  return {
    'config.json': new TextEncoder().encode('{"layers":2}'),
    'weights/part-1.bin': noise(seed, bytes),
    'weights/part-2.bin': noise(seed + 1, bytes / 3),
    'repeats.bin': Uint8Array.from([...repeated, ...repeated, ...noise(seed + 2, 65_536), ...repeated]),
    'empty.txt': new Uint8Array(0),
    'no files here/': new Uint8Array(0)
  }
}

/** Resolves when it is so; looks again after every few ms of real time, at most ten seconds. */
export async function eventually (isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endAt = performance.now() + 10_000
  while (!await isSo()) {
    if (performance.now() > endAt) throw new Error(`It never came to be that ${what}`)
    await new Promise(resolve => { setTimeout(resolve, 5) })
  }
}

/** Resolves when no reader believes an open file to be unchanged without looking (FILE_RECHECK_MS). */
export async function forgotten (): Promise<void> {
  await new Promise(resolve => { setTimeout(resolve, 150) })
}

export function addrOf (node: Node): string {
  const [addr] = node.addrs
  if (addr === undefined) throw new Error('The node has no address')
  return addr
}
