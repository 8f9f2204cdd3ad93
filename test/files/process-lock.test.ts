import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { bootId } from '../../src/files/boot-id.ts'
import { takeLock } from '../../src/files/process-lock.ts'
import { tempFolder } from './temp-folder.ts'

async function killedPid (): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  await once(child, 'spawn')
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
  return child.pid ?? 0
}

describe('takeLock', () => {
  it('excludes the same process until it is released, and leaves nothing behind', async () => {
    const dir = await tempFolder()
    const path = join(dir, 'lock')
    const first = await takeLock(path)
    if (!('lock' in first)) throw new Error('busy')
    expect(await takeLock(path)).toMatchObject({ busy: { pid: process.pid } })
    await first.lock.release()
    await first.lock.release()
    expect(await readdir(dir)).toEqual([])
  })

  it('excludes another process, and is taken over when that was killed', async () => {
    const dir = await tempFolder()
    const path = join(dir, 'lock')
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    await once(child, 'spawn')
    const ours = await takeLock(path)
    if (!('lock' in ours)) throw new Error('busy')
    const text = await readFile(path, 'utf8')
    await ours.lock.release()
    const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8')
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    await writeFile(path, JSON.stringify({ ...JSON.parse(text), pid: child.pid, start }))
    expect(await takeLock(path)).toMatchObject({ busy: { pid: child.pid } })
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    const taken = await takeLock(path)
    expect(taken).toHaveProperty('lock')
    if ('lock' in taken) await taken.lock.release()
    expect(await readdir(dir)).toEqual([])
  })

  it.runIf(process.platform === 'linux')('is taken over from a process that has ended and that nobody asked how', async () => {
    const dir = await tempFolder()
    const path = join(dir, 'lock')
    // What takes the shell's place never waits for the shell's child, as the first process of many a container.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const [line] = await once(parent.stdout, 'data')
    const pid = Number(String(line))
    await vi.waitFor(async () => { expect(await readFile(`/proc/${pid}/stat`, 'utf8')).toContain(') Z ') })
    const ours = await takeLock(path)
    if (!('lock' in ours)) throw new Error('busy')
    const text = await readFile(path, 'utf8')
    await ours.lock.release()
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    await writeFile(path, JSON.stringify({ ...JSON.parse(text), pid, start: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] }))
    const taken = await takeLock(path)
    expect(taken).toHaveProperty('lock')
    if ('lock' in taken) await taken.lock.release()
    const ended = once(parent, 'exit')
    parent.kill('SIGKILL')
    await ended
  })

  it('is taken over when the process id belongs to another process by now', async () => {
    const path = join(await tempFolder(), 'lock')
    const ours = await takeLock(path)
    if (!('lock' in ours)) throw new Error('busy')
    const text = await readFile(path, 'utf8')
    await ours.lock.release()
    await writeFile(path, JSON.stringify({ ...JSON.parse(text), start: '1' }))
    const taken = await takeLock(path)
    expect(taken).toHaveProperty('lock')
    if ('lock' in taken) await taken.lock.release()
  })

  it('is taken over by exactly one of many who find it dead at once', async () => {
    const path = join(await tempFolder(), 'lock')
    const ours = await takeLock(path)
    if (!('lock' in ours)) throw new Error('busy')
    const text = await readFile(path, 'utf8')
    await ours.lock.release()
    const pid = await killedPid()
    for (let round = 0; round < 20; round++) {
      await writeFile(path, JSON.stringify({ ...JSON.parse(text), pid, start: '1' }))
      const taken = await Promise.all(Array.from({ length: 8 }, async () => await takeLock(path)))
      const locks = taken.flatMap(one => 'lock' in one ? [one.lock] : [])
      expect(locks.length).toBeLessThanOrEqual(1)
      for (const lock of locks) await lock.release()
      await rm(path, { force: true })
    }
  })

  it('of a holder in another container counts while it is touched', async () => {
    const path = join(await tempFolder(), 'lock')
    const holder = { pid: 1, host: 'elsewhere', boot: bootId(), start: '1', namespace: 'pid:[1]' }
    await writeFile(path, JSON.stringify(holder))
    expect(await takeLock(path)).toEqual({ busy: expect.objectContaining({ pid: 1, host: 'elsewhere' }) })
    await utimes(path, new Date(), new Date(Date.now() - 60_000))
    const taken = await takeLock(path)
    expect(taken).toHaveProperty('lock')
    if ('lock' in taken) await taken.lock.release()
  })

  it('left by this machine before it was restarted is taken over when nobody touches it', async () => {
    const path = join(await tempFolder(), 'lock')
    await writeFile(path, JSON.stringify({ pid: process.pid, host: hostname(), boot: 'before' }))
    await utimes(path, new Date(), new Date(Date.now() - 60_000))
    const taken = await takeLock(path)
    expect(taken).toHaveProperty('lock')
    if ('lock' in taken) await taken.lock.release()
  })

  it('says what is wrong when the folder is missing', async () => {
    await expect(takeLock(join(await tempFolder(), 'no/lock'))).rejects.toMatchObject({ code: 'ERR_PATH_NOT_FOUND' })
  })
})
