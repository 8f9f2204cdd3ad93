import { describe, expect, it } from 'vitest'
import { TreeBuilder } from '../../src/model/tree.ts'
import { buildTree, hash, noise, sha256 } from './tree-fixtures.ts'
import type { Leaf } from '../../src/model/tree.ts'

function builder (nodes: string[] = []): TreeBuilder {
  return new TreeBuilder({ hash, onNode: cid => { nodes.push(String(cid)) } })
}

const leaf: Leaf = { digest: sha256(noise(1, 10)), sizeBytes: 10 }

describe('TreeBuilder', () => {
  it('gives the same root for the same files, and another for another name', async () => {
    const a = await buildTree({ x: noise(1, 10) })
    const b = await buildTree({ x: noise(1, 10) })
    const c = await buildTree({ y: noise(1, 10) })
    expect(String(a.manifest.root)).toBe(String(b.manifest.root))
    expect(String(a.manifest.root)).not.toBe(String(c.manifest.root))
  })

  it('hands out children before parents and the root last', async () => {
    const nodes: string[] = []
    const tree = builder(nodes)
    await tree.addFile('a/b/c', Array.from({ length: 1025 }, () => leaf))
    await tree.addEmptyFolder('a/d')
    const { root } = await tree.finish()
    expect(nodes).toHaveLength(3 + 1 + 3)
    expect(nodes.at(-1)).toBe(String(root))
  })

  it('gives the manifest in file order', async () => {
    const tree = builder()
    await tree.addEmptyFolder('a')
    await tree.addFile('b/c', [leaf, { ...leaf }])
    await tree.addFile('b.c', [])
    const manifest = await tree.finish()
    expect(manifest.files.map(file => [file.path, file.sizeBytes, file.slotCount])).toEqual([['b/c', 20, 2], ['b.c', 0, 0]])
    expect(manifest.emptyFolders).toEqual(['a'])
    expect(manifest.blockCount).toBe(1)
  })

  it('is an empty folder without entries', async () => {
    // the CID that every IPFS tool gives an empty folder
    expect(String((await builder().finish()).root)).toBe('bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354')
  })

  it('refuses paths out of order, and one twice', async () => {
    for (const [first, second] of [['b', 'a'], ['a', 'a'], ['a/b', 'a'], ['b/c', 'a/z'], ['a/b/c', 'a/b'], ['\u{1f600}', '\uffe0']]) {
      const tree = builder()
      await tree.addFile(first ?? '', [leaf])
      await expect(tree.addFile(second ?? '', [leaf]), `${first} ${second}`).rejects.toThrow(RangeError)
    }
    const tree = builder()
    await tree.addFile('a/x', [leaf])
    await tree.addFile('b', [leaf])
    await expect(tree.addFile('a/y', [leaf])).rejects.toThrow(RangeError)
  })

  it('refuses folders too deep for anybody to pull', async () => {
    await builder().addFile(`${'a/'.repeat(24)}f`, [leaf])
    await expect(builder().addFile(`${'a/'.repeat(25)}f`, [leaf])).rejects.toMatchObject({ code: 'ERR_TREE_LIMIT' })
  })

  it('does not keep the digests that it is given', async () => {
    const digest = sha256(noise(1, 10))
    const tree = builder()
    await tree.addFile('a', (function * () {
      yield { digest, sizeBytes: 10 }
      digest.fill(0)
      yield { digest, sizeBytes: 11 }
    })())
    const manifest = await tree.finish()
    expect(manifest.digest(0)).toEqual(sha256(noise(1, 10)))
    expect(manifest.blockCount).toBe(2)
  })
})
