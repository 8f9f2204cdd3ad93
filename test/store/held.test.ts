import { describe, expect, it } from 'vitest'
import { Bitfield } from '../../src/model/bitfield.ts'
import { Held } from '../../src/store/held.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { tempStore } from './temp-store.ts'
import type { HeldDatabase } from '../../src/store/held.ts'

const bits = (length: number, ...indexes: number[]): Bitfield => {
  const field = new Bitfield(length)
  for (const index of indexes) field.add(index)
  return field
}
const files = [{ path: 'a', complete: false, identity: { sizeBytes: 1, mtimeNs: 2n, ctimeNs: 3n, inode: 4n } }]

describe('Held', () => {
  it('trusts everything recorded as long as the machine runs, and what was synced after a restart', async () => {
    const dir = await tempFolder()
    const count = 100_000
    const store = await tempStore(dir, { bootId: 'one', now: () => 77 })
    await store.held.record('r', '/t', { held: bits(count, 5), files: [] })
    await store.held.checkpoint('r', '/t', { held: bits(count, 5, 40_000), synced: bits(count, 5), files })
    await store.held.record('r', '/t', { held: bits(count, 5, 40_000, 99_999), files })
    await store.close()
    const same = (await tempStore(dir, { bootId: 'one' })).held.load('r', '/t', count)
    expect(same).toMatchObject({ files, recordedAtMs: 77 })
    expect([...same?.trusted.indexes() ?? []]).toEqual([5, 40_000, 99_999])
    const restarted = (await tempStore(dir, { bootId: 'two' })).held.load('r', '/t', count)
    expect([...restarted?.held.indexes() ?? []]).toEqual([5, 40_000, 99_999])
    expect([...restarted?.trusted.indexes() ?? []]).toEqual([5])
  })

  it('never trusts again a synced block that a later run did not hold', async () => {
    const dir = await tempFolder()
    const first = await tempStore(dir, { bootId: 'one' })
    await first.held.checkpoint('r', '/t', { held: bits(64, 1, 2), synced: bits(64, 1, 2), files })
    await first.close()
    const second = await tempStore(dir, { bootId: 'two' })
    await second.held.record('r', '/t', { held: bits(64, 2), files })
    await second.close()
    const record = (await tempStore(dir, { bootId: 'three' })).held.load('r', '/t', 64)
    expect([...record?.trusted.indexes() ?? []]).toEqual([2])
    expect([...record?.held.indexes() ?? []]).toEqual([2])
  })

  it('records every page again after a record that failed', async () => {
    const rows = new Map<string, Uint8Array>()
    let queued: Array<() => void> = []
    let isFull = false
    const name = (key: Uint8Array): string => Buffer.from(key).toString('hex')
    const database: HeldDatabase = {
      table: () => ({
        get: key => rows.get(name(key)),
        getRange: () => [],
        put: (key, value) => { queued.push(() => { rows.set(name(key), value) }) },
        remove: key => { queued.push(() => { rows.delete(name(key)) }) }
      }),
      flushed: async () => {},
      together: async write => {
        write()
        const writes = queued
        queued = []
        if (isFull) throw new Error('No space')
        for (const one of writes) one()
      }
    }
    const held = new Held(database, { bootId: 'one' })
    await held.record('r', '/t', { held: bits(64, 1), files })
    isFull = true
    await expect(held.record('r', '/t', { held: bits(64, 1, 2), files })).rejects.toThrow('No space')
    isFull = false
    await held.record('r', '/t', { held: bits(64, 1, 2), files })
    expect([...held.load('r', '/t', 64)?.held.indexes() ?? []]).toEqual([1, 2])
  })

  it('keeps roots and targets apart, and knows nothing of others', async () => {
    const { held } = await tempStore()
    await held.record('r', '/t', { held: bits(8, 1), files })
    await held.record('r', '/u', { held: bits(8, 2), files })
    await held.record('s', '/t', { held: bits(8, 3), files })
    expect([...held.load('r', '/u', 8)?.held.indexes() ?? []]).toEqual([2])
    expect(held.load('r', '/v', 8)).toBeUndefined()
    expect(held.load('r', '/t', 9)).toBeUndefined()
    expect(held.targets('r').sort()).toEqual(['/t', '/u'])
    expect([...held.list()].filter(one => one.root === 's')).toEqual([{ root: 's', target: '/t', blockCount: 8 }])
    await held.forget('r', '/t')
    expect(held.targets('r')).toEqual(['/u'])
    await held.forget('r')
    expect(held.targets('r')).toEqual([])
    expect([...held.load('s', '/t', 8)?.held.indexes() ?? []]).toEqual([3])
  })

  it('records again after forgetting', async () => {
    const { held } = await tempStore()
    await held.record('r', '/t', { held: bits(8, 1), files })
    await held.forget('r')
    await held.record('r', '/t', { held: bits(8, 1), files })
    expect([...held.load('r', '/t', 8)?.held.indexes() ?? []]).toEqual([1])
  })
})
