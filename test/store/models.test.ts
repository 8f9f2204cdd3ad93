import { describe, expect, it } from 'vitest'
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
})
