import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cutLengths, planCuts } from '../../src/cut/plan.ts'
import { MODELS, PLAIN_SIZES } from '../vectors/ms1-inputs.ts'
import vectors from '../vectors/ms1.json' with { type: 'json' }
import { buildTree, importTree, lengthsOf } from './tree-fixtures.ts'
import type { Folder } from './tree-fixtures.ts'

// Profile ms1 is frozen by these vectors: one that changes means another profile, and every model another root.

const modelsDir = resolve(import.meta.dirname, '../../../shared/models')

/** Lengths as text: `16x65536 3392`. */
function shortOf (lengths: Iterable<number>): string {
  const runs: { length: number, count: number }[] = []
  for (const length of lengths) {
    const last = runs.at(-1)
    if (last?.length === length) last.count++
    else runs.push({ length, count: 1 })
  }
  return runs.map(({ length, count }) => count === 1 ? String(length) : `${count}x${length}`).join(' ')
}

async function vectorOf (folder: Folder): Promise<{ root: string, blocks: number, cuts: Record<string, string> }> {
  const { manifest } = await buildTree(folder)
  const cuts: Record<string, string> = {}
  // a folder of thousands of files is told apart by its root
  const entries = Object.entries(folder)
  for (const [path, bytes] of entries) {
    if (bytes !== null && entries.length <= 20) cuts[path] = shortOf(await lengthsOf(path, bytes))
  }
  return { root: String(manifest.root), blocks: manifest.blockCount, cuts }
}

function readFolder (dir: string): Folder {
  const folder: Folder = {}
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    const path = join(dir, name)
    if (statSync(path).isFile()) folder[relative(dir, path).replaceAll('\\', '/')] = new Uint8Array(readFileSync(path))
  }
  return folder
}

describe('profile ms1', () => {
  it('cuts plain files as ever', () => {
    const seen = Object.fromEntries(PLAIN_SIZES.map(size => [size, shortOf(cutLengths(planCuts(size, undefined)))]))
    expect(seen).toEqual(vectors.plain)
  })

  for (const [name, make] of Object.entries(MODELS)) {
    it(`gives its root as ever: ${name}`, async () => {
      const vector = await vectorOf(make())
      expect(vector).toEqual(new Map(Object.entries(vectors.models)).get(name))
      expect(vector.root).toBe(String((await importTree(make(), {}, true)).root))
    })
  }

  for (const [name, vector] of Object.entries(vectors.shared)) {
    const isHere = existsSync(join(modelsDir, name))
    it.skipIf(!isHere)(`gives its root as ever: ${name}${isHere ? '' : ` (skipped: ${modelsDir} is not on this machine)`}`, async () => {
      expect(await vectorOf(readFolder(join(modelsDir, name)))).toEqual(vector)
    })
  }
})
