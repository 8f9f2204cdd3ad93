import { describe, expect, it } from 'vitest'
import { NO_FILE } from '../../src/files/file-identity.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { eventually } from '../node/nodes.ts'
import { tempStore } from './temp-store.ts'
import type { ModelRecord } from '../../src/store/models.ts'

const record = (root: string, path: string, createdAtMs: number): ModelRecord => ({
  root,
  name: 'a model',
  path,
  origin: 'published',
  totalBytes: 2 ** 40,
  blockCount: 3,
  distinctBytes: 5,
  heldBytes: 4,
  files: [{ path: 'w/é.bin', absolute: `${path}/w/é.bin`, identity: { sizeBytes: 1, mtimeNs: 2n ** 62n, ctimeNs: -1n, inode: 2n ** 64n - 1n } }],
  createdAtMs
})

describe('Models', () => {
  it('keeps one record for each root and path, oldest first', async () => {
    const { models } = await tempStore()
    const long = `/${'p'.repeat(4000)}`
    await models.put(record('r1', '/b', 2))
    await models.put(record('r1', long, 1))
    await models.put(record('r2', '/b', 3))
    await models.put({ ...record('r1', '/b', 2), origin: 'pulled' })
    expect(models.get('r1')).toEqual([record('r1', long, 1), { ...record('r1', '/b', 2), origin: 'pulled' }])
    expect(models.list().map(one => one.root)).toEqual(['r1', 'r1', 'r2'])
    await models.delete('r1', long)
    expect(models.get('r1')).toHaveLength(1)
    await models.delete('r1')
    await models.delete('r1')
    expect(models.list()).toEqual([record('r2', '/b', 3)])
  })

  it('tells by its revision that any process changed a record', async () => {
    const dir = await tempFolder()
    const [ours, theirs] = [await tempStore(dir), await tempStore(dir)]
    const seen = new Set([ours.models.revision])
    const isNew = (): boolean => seen.size < seen.add(ours.models.revision).size
    await theirs.models.put(record('r1', '/b', 2))
    await eventually(isNew, 'it is seen')
    await theirs.models.setIdentity(NO_FILE, file => file.absolute === '/b/w/é.bin')
    await eventually(isNew, 'it is seen')
    expect(ours.models.get('r1')[0]?.files[0]?.identity).toEqual(NO_FILE)
    await theirs.models.delete('r1')
    await eventually(isNew, 'it is seen')
    expect(isNew()).toBe(false)
  })

  it('believes a file no longer in any model that has it with this identity, and only in those', async () => {
    const store = await tempStore()
    const { identity } = record('', '/b', 1).files[0] ?? {}
    const newer = { sizeBytes: 9, mtimeNs: 9n, ctimeNs: 9n, inode: 9n }
    await store.models.put(record('r1', '/b', 1))
    await store.models.put(record('r2', '/b', 2))
    await store.models.put({ ...record('r3', '/b', 3), files: [{ path: 'x', absolute: '/b/w/é.bin', identity: newer }] })
    await store.places.replaceFile({ path: '/b/w/é.bin', identity: newer }, new Uint8Array(32), [9])
    await store.disbelieve('/b/w/é.bin', identity ?? NO_FILE)
    expect(store.models.list().map(({ files }) => files[0]?.identity)).toEqual([NO_FILE, NO_FILE, newer])
    expect(store.places.find(new Uint8Array(32))).toHaveLength(1)
    await store.disbelieve('/b/w/é.bin', newer)
    expect(store.places.find(new Uint8Array(32))).toHaveLength(0)
  })
})
