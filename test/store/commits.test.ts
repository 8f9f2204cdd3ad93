import { open as openFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'lmdb'
import { expect, it, onTestFinished, vi } from 'vitest'
import { StateDatabase } from '../../src/store/database.ts'
import { CommitRoom } from '../../src/store/room.ts'
import { smallDisk } from '../files/small-disk.ts'
import { tempStore } from './temp-store.ts'

const key = Uint8Array.of(1)
const identity = { sizeBytes: 10, mtimeNs: 1n, ctimeNs: 2n, inode: 3n }

it('a commit that fails is told by its flush, not on the console, and close does not wait for ever', async ({ skip }) => {
  const disk = await smallDisk(2)
  if (disk === undefined) return skip('may not mount a small disk')
  const told = vi.spyOn(globalThis.console, 'error').mockImplementation(() => {})
  onTestFinished(() => { told.mockRestore() })
  const path = join(disk, 'db')
  const root = open<Uint8Array, Uint8Array>({
    path, encoding: 'binary', keyEncoding: 'binary', noSubdir: false, eventTurnBatching: false
  })
  // As if somebody else filled the disk between our look and the commit.
  const room = new CommitRoom(disk, path)
  vi.spyOn(room, 'take').mockReturnValue(() => {})
  const database = new StateDatabase(root, disk, room)
  const table = database.table('t')
  const written = database.together(() => { table.put(key, new Uint8Array(4_000_000)) })
  const flushed = database.flushed()
  await Promise.all([
    expect(written).rejects.toMatchObject({ code: 'ERR_NO_SPACE' }),
    expect(flushed).rejects.toHaveProperty('code')
  ])
  await database.together(() => { table.put(key, new Uint8Array(10)) })
  await database.flushed()
  await database.close()
  expect(told).not.toHaveBeenCalled()
  expect(() => table.get(key)).toThrow(expect.objectContaining({ code: 'ERR_STOPPED' }))
})

it('a nearly full disk refuses what adds, lets what frees try, and takes all again with room', async ({ skip }) => {
  const disk = await smallDisk(4)
  if (disk === undefined) return skip('may not mount a small disk')
  const store = await tempStore(join(disk, 'state'))
  await store.places.replaceFile({ path: '/m/a', identity }, new Uint8Array(32), [1])
  const filler = join(disk, 'filler')
  await fillBut(filler, 100 * 1024)
  const model = { root: 'r', name: 'n', path: '/m', origin: 'pulled' as const, files: [], createdAtMs: 1 }
  const sizes = { totalBytes: 1, blockCount: 1, distinctBytes: 1, heldBytes: 1 }
  await expect(store.models.put({ ...model, ...sizes })).rejects.toMatchObject({
    code: 'ERR_NO_SPACE',
    message: expect.stringMatching(/^Cannot write the state in .*: only \S+ KiB are free on its disk; free some/)
  })
  await store.places.dropPath('/m/a')
  expect(store.places.isEmpty).toBe(true)
  await writeFile(filler, '')
  await store.models.put({ ...model, ...sizes })
  expect(store.models.list()).toHaveLength(1)
})

async function fillBut (path: string, bytes: number): Promise<void> {
  const handle = await openFile(path, 'w')
  let isFull = false
  let size = 0
  while (!isFull) {
    const { bytesWritten } = await handle.write(new Uint8Array(4096)).catch(() => ({ bytesWritten: 0 }))
    size += bytesWritten
    isFull = bytesWritten < 4096
  }
  await handle.truncate(size - bytes)
  await handle.close()
}
