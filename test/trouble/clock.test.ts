// A clock that is set, or a machine that slept: nothing waits by the time of day.
import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openCollection } from '../../src/index.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { noise } from '../model/tree-fixtures.ts'
import { addrOf, printsOf, startNode, target, writeFiles } from '../node/nodes.ts'
import { playedSeeder } from '../node/played-seeder.ts'
import type { PullEvent } from '../../src/index.ts'

const DAY_MS = 86_400_000
const BYTES = 40 * 65_536
const FILES = { 'w.bin': noise(1, BYTES) }

/** Sets the time of day of this process, by so much against the real one. */
function clockToSet (): (byMs: number) => void {
  const real = Date.now.bind(Date)
  let byMs = 0
  const spy = vi.spyOn(Date, 'now').mockImplementation(() => real() + byMs)
  onTestFinished(() => { spy.mockRestore() })
  return ms => { byMs = ms }
}

describe('a pull', () => {
  it('does not care when the clock jumps a day ahead, and two back', async () => {
    const set = clockToSet()
    const seeder = await playedSeeder(FILES, {
      read: (bytes, before) => {
        if (before === 10) set(DAY_MS)
        if (before === 25) set(-DAY_MS)
        return bytes
      }
    })
    const out = await target()
    const done = await (await startNode()).pull(seeder.root, out, { peers: [seeder.addr], giveUpSeconds: 20 })
    expect(await printsOf(out)).toEqual(await printsOf(await writeFiles(FILES)))
    expect(done.seconds).toBeGreaterThan(0)
    expect(done.seconds).toBeLessThan(DAY_MS / 1000)
  })

  it.each([['ahead', DAY_MS], ['back', -DAY_MS]])('goes on after the clock was set %s in between', async (_, byMs) => {
    const set = clockToSet()
    const seeder = await playedSeeder(FILES, { isHeld: block => block % 2 === 0 })
    const [state, out] = [await tempFolder(), await target()]
    const first = await startNode({ dir: state })
    const enough = new AbortController()
    const onProgress = (event: PullEvent): void => {
      if (event.type === 'progress' && event.bytes === BYTES / 2) enough.abort(new Error('enough'))
    }
    await expect(first.pull(seeder.root, out, { peers: [seeder.addr], onProgress, signal: enough.signal }))
      .rejects.toThrow('enough')
    await first.stop()
    set(byMs)
    seeder.holdAll()
    const { held } = await (await startNode({ dir: state })).pull(seeder.root, out, { peers: [seeder.addr] })
    expect(held).toBe(BYTES / 2)
  })
})

describe('files of the future', () => {
  it('are published, pulled and verified like any others', async () => {
    const dir = await writeFiles(FILES)
    const later = new Date(Date.now() + 365 * DAY_MS)
    await utimes(join(dir, 'w.bin'), later, later)
    const state = await tempFolder()
    const publisher = await startNode({ dir: state })
    const { root } = await publisher.publish(dir)
    const out = await target()
    await (await startNode()).pull(root, out, { peers: [addrOf(publisher)] })
    expect(await printsOf(out)).toEqual(await printsOf(dir))
    const collection = await openCollection({ dir: state })
    onTestFinished(async () => { await collection.close() })
    expect((await collection.verify(root)).bad).toEqual([])
  })
})
