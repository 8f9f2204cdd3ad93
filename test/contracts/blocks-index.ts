import { expect, it } from 'vitest'
import type { Places } from '../../src/store/places.ts'

/** What every index of places keeps, whatever it is stored in. `open` gives an empty one. */
export function describePlaces (open: () => Promise<Places>): void {
  const identity = { sizeBytes: 10, mtimeNs: 1n, ctimeNs: -2n, inode: 2n ** 64n - 1n }
  const digests = (...fills: number[]): Uint8Array => Buffer.concat(fills.map(fill => Buffer.alloc(32, fill)))

  it('finds a block of a complete file at its offset, and not before it is complete', async () => {
    const places = await open()
    const fileId = await places.addFile({ path: '/m/a', identity })
    await places.addBlocks(fileId, digests(1, 2), [4, 4])
    await places.addBlocks(fileId, digests(3), [2])
    expect(places.find(digests(3))).toEqual([])
    expect(places.indexedFile('/m/a', identity)).toBeUndefined()
    await places.completeFile(fileId)
    expect(places.find(digests(3))).toEqual([{ fileId, path: '/m/a', identity, leaf: 'raw', offset: 8, sizeBytes: 2 }])
    expect(places.find(digests(9))).toEqual([])
    expect(places.indexedFile('/m/a', identity)).toMatchObject({ fileId, blockCount: 3 })
    const ranges = [...places.blocksOf(fileId)].map(({ offset, sizeBytes }) => [offset, sizeBytes])
    expect(ranges).toEqual([[0, 4], [4, 4], [8, 2]])
  })

  it('keeps one place for each file of a block, and at most four in all', async () => {
    const places = await open()
    for (let i = 0; i < 6; i++) await places.replaceFile({ path: `/m/${i}`, identity }, digests(7, 7, 7), [1, 1, 1])
    const found = places.find(digests(7))
    expect(new Set(found.map(place => place.path)).size).toBe(4)
    expect(found).toHaveLength(4)
  })

  it('replaces what was indexed under the same path', async () => {
    const places = await open()
    await places.replaceFile({ path: '/m/a', identity }, digests(1), [4])
    const changed = { ...identity, mtimeNs: 2n }
    await places.replaceFile({ path: '/m/a', identity: changed, leaf: 'wrapped' }, digests(2), [4])
    expect(places.find(digests(1))).toEqual([])
    expect(places.find(digests(2))).toMatchObject([{ identity: changed, leaf: 'wrapped' }])
    expect(places.indexedFile('/m/a', identity)).toBeUndefined()
    expect(places.filesAt('/m/a')).toHaveLength(1)
  })

  it('takes the first that completes of two that add the same file at once', async () => {
    const places = await open()
    const [first, second] = [await places.addFile({ path: '/m/a', identity }), await places.addFile({ path: '/m/a', identity })]
    const many = Array.from({ length: 200 }, (_, i) => Buffer.alloc(32, `block ${i} `))
    const sizes = many.map(() => 1)
    for (const id of [first, second]) await places.addBlocks(id, Buffer.concat(many), sizes)
    await places.completeFile(second)
    await places.addBlocks(first, Buffer.concat(many.map(digest => digest.toReversed())), sizes)
    await places.completeFile(first)
    expect(places.filesAt('/m/a')).toMatchObject([{ fileId: second, complete: true }])
    expect([...places.blocksOf(second)]).toHaveLength(200)
    expect([...places.blocksOf(first)]).toEqual([])
    for (const digest of many) expect(places.find(digest).map(place => place.fileId)).toEqual([second])
    await places.dropPath('/m/a')
    expect(places.isEmpty).toBe(true)
  })

  it('forgets a file with all its places', async () => {
    const places = await open()
    const many = Array.from({ length: 300 }, (_, i) => i)
    const digest = (i: number): Uint8Array => Buffer.alloc(32, `block ${i} `)
    const kept = await places.replaceFile({ path: '/m/b', identity }, digest(7), [1])
    await places.replaceFile({ path: '/m/a', identity }, Buffer.concat(many.map(digest)), many.map(() => 1))
    expect(places.find(digest(299))).toMatchObject([{ offset: 299 }])
    await places.dropPath('/m/a')
    await places.dropPath('/m/a')
    for (const i of many) expect(places.find(digest(i)).map(place => place.fileId)).toEqual(i === 7 ? [kept] : [])
    expect(places.filesAt('/m/a')).toEqual([])
  })

  it('indexes an empty file', async () => {
    const places = await open()
    const fileId = await places.replaceFile({ path: '/m/empty', identity }, new Uint8Array(0), [])
    expect(places.indexedFile('/m/empty', identity)).toMatchObject({ blockCount: 0 })
    expect([...places.blocksOf(fileId)]).toEqual([])
  })
}
