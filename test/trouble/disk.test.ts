// A disk that fails, is full, or is not ours to write any more. It is our own trouble: one line, nobody blamed, nothing
// taken for absent, and the next pull goes on.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, open, readdir, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openCollection } from '../../src/index.ts'
import { ioError, onEveryHandle } from '../files/on-every-handle.ts'
import { smallDisk } from '../files/small-disk.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { noise } from '../model/tree-fixtures.ts'
import { CliProcess, MAIN, numberIn } from '../node/cli-process.ts'
import { addrOf, eventually, LOOPBACK, printsOf, startNode, target, writeFiles } from '../node/nodes.ts'
import { playedSeeder } from '../node/played-seeder.ts'
import type { PullEvent } from '../../src/index.ts'

const MIB = 1024 * 1024
const BYTES = 2 * MIB
const FILES = { 'a.bin': noise(1, BYTES), 'b.bin': noise(2, BYTES) }
const isBuilt = existsSync(MAIN)

describe('a disk that fails to read', () => {
  it('costs a seeder neither its blocks nor its peer: the same pull gets them when the disk is well again', async () => {
    const [notes, state, dir] = [new Array<string>(), await tempFolder(), await writeFiles(FILES)]
    const publisher = await startNode({ dir: state })
    const { root } = await publisher.publish(dir)
    await publisher.stop()
    const seeder = await startNode({ dir: state, onNote: note => { notes.push(note) } })
    const heal = await onEveryHandle('read', path => path.startsWith(dir), () => { throw ioError() })
    const pullNotes: string[] = []
    const onProgress = (event: PullEvent): void => { if (event.type === 'note') pullNotes.push(event.message) }
    const out = await target()
    const pull = (await startNode()).pull(root, out, { peers: [addrOf(seeder)], onProgress })
    await eventually(() => notes.length > 0, 'its operator is told')
    expect(notes[0]).toMatch(/^Cannot read .*\.bin: the disk failed to read or write \(EIO\); check the disk$/)
    heal()
    await pull
    expect(await printsOf(out)).toEqual(await printsOf(dir))
    expect(pullNotes.filter(note => note.includes('dropped'))).toEqual([])
  })

  it('is told by verify, which then believes what it believed before', async () => {
    const state = await tempFolder()
    const seeder = await startNode({ dir: state })
    const dir = await writeFiles(FILES)
    const { root } = await seeder.publish(dir)
    const collection = await openCollection({ dir: state })
    onTestFinished(async () => { await collection.close() })
    const heal = await onEveryHandle('read', path => path.endsWith('b.bin'), before => {
      if (before > 3) throw ioError()
    })
    await expect(collection.verify(root)).rejects.toMatchObject({ code: 'ERR_DISK', blame: 'self' })
    heal()
    expect((await collection.list())[0]?.heldBytes).toBe(2 * BYTES)
  })

  it('has a pull fetch what it could have copied, and say so', async () => {
    const seeder = await startNode()
    const { root } = await seeder.publish(await writeFiles(FILES))
    const puller = await startNode()
    const [first, second] = [await target(), await target()]
    const peers = [addrOf(seeder)]
    await puller.pull(root, first, { peers })
    const heal = await onEveryHandle('read', path => path === join(first, 'a.bin'), () => { throw ioError() })
    const notes: string[] = []
    const onProgress = (event: PullEvent): void => { if (event.type === 'note') notes.push(event.message) }
    const { from } = await puller.pull(root, second, { peers, onProgress })
    expect([from.local, from.peers]).toEqual([BYTES, BYTES])
    const isTold = /a\.bin: the disk failed .*; its blocks are fetched from peers instead$/
    expect(notes).toEqual([expect.stringMatching(isTold)])
    heal()
    const { from: again } = await puller.pull(root, await target(), { peers })
    expect(again.local).toBe(2 * BYTES)
  })
})

describe('a disk that fails to write', () => {
  it.each(['write', 'datasync'] as const)('(%s) ends a pull as our own fault, and the next one goes on', async call => {
    const seeder = await playedSeeder(FILES)
    const puller = await startNode()
    const out = await target()
    const from = call === 'write' ? 20 : 0
    const heal = await onEveryHandle(call, path => path.startsWith(out), before => {
      if (before >= from) throw ioError()
    })
    const notes: string[] = []
    const onProgress = (event: PullEvent): void => { if (event.type === 'note') notes.push(event.message) }
    await expect(puller.pull(seeder.root, out, { peers: [seeder.addr], onProgress }))
      .rejects.toMatchObject({ code: 'ERR_DISK', blame: 'self', message: expect.stringContaining('(EIO)') })
    // On a busy machine it may have waited for the peer; nobody is blamed.
    expect(notes.filter(note => !note.startsWith('Waiting for '))).toEqual([])
    heal()
    const { held } = await puller.pull(seeder.root, out, { peers: [seeder.addr] })
    expect(held).toBeGreaterThanOrEqual(call === 'write' ? 10 * 65_536 : BYTES)
    expect(await printsOf(out)).toEqual(await printsOf(await writeFiles(FILES)))
  })
})

const FULL_DISK = isBuilt ? 'a full disk' : 'a full disk (skipped: dist is not built; npm run build)'

describe.skipIf(!isBuilt)(FULL_DISK, () => {
  it('in the middle is one line and exit 1; with room again the next pull fetches the rest', async context => {
    const disk = await smallDisk(80)
    if (disk === undefined) return context.skip('no right to mount a small disk')
    const seeder = await playedSeeder(FILES, { isHeld: block => block % 2 === 0 })
    const [out, state] = [join(disk, 'out'), await tempFolder()]
    const args = ['pull', seeder.root, '--out', out, '--peer', seeder.addr, '--listen', LOOPBACK, '--no-mdns',
      '--linger', '0', '--state', state]
    const full = new CliProcess(...args)
    await full.line(line => line.event === 'progress' && numberIn(line, 'bytes') >= BYTES)
    await fill(join(disk, 'filler'))
    seeder.holdAll()
    expect(await full.ended).toBe(1)
    expect(full.stderr).toMatch(/^modelswarm: Cannot write [^\n]*: no space is left on the disk; free some[^\n]*\n$/)
    expect(full.lines.at(-1)?.event).toBe('stopped')
    await rm(join(disk, 'filler'))
    const again = new CliProcess(...args)
    expect(await again.ended).toBe(0)
    expect(numberIn(await again.event('done'), 'held')).toBeGreaterThanOrEqual(BYTES)
    expect(await printsOf(out)).toEqual(await printsOf(await writeFiles(FILES)))
  })
})

describe.skipIf(!isBuilt)(FULL_DISK, () => {
  it.for([40, 100, 200])('under the state, with %i KiB left, is one line and exit 1', async (kibibytes, context) => {
    const disk = await smallDisk(20)
    if (disk === undefined) return context.skip('no right to mount a small disk')
    const few = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`${i}.bin`, noise(i, 20_000)]))
    const seeder = await playedSeeder(few)
    const [out, state] = [join(await tempFolder(), 'out'), join(disk, 'state')]
    await (await openCollection({ dir: state })).close()
    await fill(join(disk, 'filler'))
    await truncate(join(disk, 'filler'), (await stat(join(disk, 'filler'))).size - kibibytes * 1024)
    const args = ['pull', seeder.root, '--out', out, '--peer', seeder.addr, '--listen', LOOPBACK, '--no-mdns',
      '--linger', '0', '--state', state]
    const full = new CliProcess(...args)
    expect(await full.ended).toBe(1)
    expect(full.stderr).toMatch(/^modelswarm: Cannot write the state in [^\n]* KiB are free on its disk; free[^\n]*\n$/)
    expect(full.lines.at(-1)?.event).toBe('stopped')
    await rm(join(disk, 'filler'))
    const held = existsSync(out) ? (await readdir(out)).filter(name => name.endsWith('.bin')).length * 20_000 : 0
    const again = new CliProcess(...args)
    expect(await again.ended).toBe(0)
    expect(numberIn(await again.event('done'), 'held')).toBeGreaterThanOrEqual(held)
    expect(await printsOf(out)).toEqual(await printsOf(await writeFiles(few)))
  })
})

describe('a folder', () => {
  it('made read-only in the middle ends the pull with its name, and the next one goes on', async context => {
    const seeder = await playedSeeder(FILES, { isHeld: (block, count) => block < count / 2 })
    const puller = await startNode()
    const out = await target()
    await mkdir(out)
    let held = 0
    const onProgress = (event: PullEvent): void => { if (event.type === 'progress') held = event.bytes }
    const pull = puller.pull(seeder.root, out, { peers: [seeder.addr], onProgress })
    const message = expect.stringMatching(/b\.bin\.modelswarm-part: (permission denied|operation not permitted)/)
    const failed = expect(pull).rejects.toMatchObject({ code: 'ERR_PATH_PERMISSION', message })
    await eventually(() => held >= BYTES && existsSync(join(out, 'a.bin')), 'the first file is there')
    const allow = await forbid(out)
    seeder.holdAll()
    if (allow === undefined) {
      await pull
      await failed.catch(() => {})
      return context.skip('nothing binds this user on this file system')
    }
    await failed
    await allow()
    expect((await stat(join(out, 'a.bin'))).size).toBe(BYTES)
    expect((await puller.pull(seeder.root, out, { peers: [seeder.addr] })).held).toBeGreaterThanOrEqual(BYTES)
    expect(await printsOf(out)).toEqual(await printsOf(await writeFiles(FILES)))
  })
})

/** Takes all room that is left. */
async function fill (path: string): Promise<void> {
  const handle = await open(path, 'w')
  try {
    for (const bytes of [MIB, 4096]) {
      for (;;) {
        try {
          await handle.write(new Uint8Array(bytes))
        } catch (err) {
          if (err instanceof Error && 'code' in err && err.code === 'ENOSPC') break
          throw err
        }
      }
    }
  } finally {
    await handle.close()
  }
}

/** Nothing can be made or renamed in the folder until the function returned is called; undefined if impossible. */
async function forbid (dir: string): Promise<(() => Promise<void>) | undefined> {
  if (process.getuid?.() !== 0) {
    await chmod(dir, 0o555)
    return async () => { await chmod(dir, 0o755) }
  }
  // permission bits do not bind root; the immutable flag does, where the file system has one
  try {
    execFileSync('chattr', ['+i', dir], { stdio: 'ignore' })
  } catch (err) {
    if (err instanceof Error) return undefined
    throw err
  }
  const allow = (): void => { execFileSync('chattr', ['-i', dir], { stdio: 'ignore' }) }
  onTestFinished(allow)
  return async () => { allow() }
}
