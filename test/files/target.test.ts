import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { link, lstat, mkdir, open, readdir, readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Bitfield } from '../../src/model/bitfield.ts'
import { identityOf } from '../../src/files/file-identity.ts'
import { openTarget } from '../../src/files/target.ts'
import { smallDisk } from './small-disk.ts'
import { smallModel } from './small-model.ts'
import { tempFolder } from './temp-folder.ts'
import type { SmallModel } from './small-model.ts'
import type { HeldRecord } from '../../src/files/held-record.ts'
import type { Target } from '../../src/files/open-target.ts'
import type { TargetOptions } from '../../src/files/target.ts'

const FILES = { 'a.bin': 'aaaabbbbcccc', 'sub/b.bin': 'ddddbbbbee', 'sub/empty': '', z: 'ffff' }

interface OpenOptions extends TargetOptions {
  record?: HeldRecord
}

function bytesOf (model: SmallModel, block: number): Buffer {
  return Buffer.from(model.blocks[block] ?? [])
}

async function opened (dir: string, model: SmallModel, options: OpenOptions = {}): Promise<Target> {
  const target = await openTarget(dir, model.manifest, options)
  try {
    await target.verifyExisting({ check: model.check, record: options.record })
  } catch (err) {
    await target.close()
    throw err
  }
  return target
}

async function writeAll (target: Target, model: SmallModel): Promise<void> {
  for (const block of target.wanted.indexes()) await target.write(block, bytesOf(model, block))
}

function noting (model: SmallModel, checked: number[]): SmallModel['check'] {
  return async (block, bytes) => {
    checked.push(block)
    return await model.check(block, bytes)
  }
}

async function recordOf (target: Target): Promise<HeldRecord> {
  const held = Bitfield.fromBytes(target.held.toBytes(), target.held.length)
  return { held, trusted: held, files: await target.files(), recordedAtMs: Date.now() }
}

describe('openTarget', () => {
  it('writes blocks at every place in any order and gives complete files their names', async () => {
    const dir = join(await tempFolder(), 'deep/target')
    const model = smallModel(FILES, 4, ['none/at all'])
    const target = await opened(dir, model, { maxOpen: 1 })
    expect(target.held.count).toBe(0)
    expect(target.totalBytes).toBe(26)
    const order = [...target.wanted.indexes()].reverse()
    for (const block of order.slice(0, 3)) expect(await target.write(block, bytesOf(model, block))).toBe(true)
    expect((await readdir(join(dir, 'sub'))).filter(name => name === 'b.bin')).toEqual([])
    expect((await stat(join(dir, 'sub/b.bin.modelswarm-part'))).size).toBe(10)
    for (const block of order) await target.write(block, bytesOf(model, block))
    expect(target.held.isFull).toBe(true)
    expect(target.heldBytes).toBe(26)
    for (const block of order) expect(bytesOf(model, block).equals(await target.read(block))).toBe(true)
    const finished = await target.finish()
    expect(finished.map(({ file }) => file.path).sort()).toEqual(Object.keys(FILES).sort())
    for (const block of order) expect(bytesOf(model, block).equals(await target.read(block))).toBe(true)
    await target.close()
    await target.close()
    for (const [path, text] of Object.entries(FILES)) expect(await readFile(join(dir, path), 'utf8')).toBe(text)
    expect((await readdir(dir, { recursive: true })).sort()).toEqual(
      ['a.bin', 'none', 'none/at all', 'sub', 'sub/b.bin', 'sub/empty', 'z'])
  })

  it('leaves zeros a hole in a file that it made, and writes them over what was there', async () => {
    const bytes = 1024 * 1024
    const zeros = '\0'.repeat(bytes)
    const model = smallModel({ 'w.bin': `x${zeros.slice(1)}${zeros}${zeros}y` }, bytes)
    const dir = await tempFolder()
    const target = await opened(dir, model)
    await writeAll(target, model)
    await target.finish()
    await target.close()
    const sparse = await stat(join(dir, 'w.bin'))
    expect(sparse.size).toBe(3 * bytes + 1)
    expect(sparse.blocks * 512).toBeLessThan(2 * bytes)
    expect((await readFile(join(dir, 'w.bin'), 'latin1'))).toBe(`x${zeros.slice(1)}${zeros}${zeros}y`)
    await rename(join(dir, 'w.bin'), join(dir, 'w.bin.modelswarm-part'))
    await writeFile(join(dir, 'w.bin.modelswarm-part'), 'z'.repeat(3 * bytes + 1))
    const again = await opened(dir, model)
    await writeAll(again, model)
    await again.finish()
    await again.close()
    expect((await readFile(join(dir, 'w.bin'), 'latin1'))).toBe(`x${zeros.slice(1)}${zeros}${zeros}y`)
  })

  it('refuses blocks of another length, and reads of blocks not held', async () => {
    const target = await opened(await tempFolder(), smallModel(FILES))
    await expect(target.write(0, new Uint8Array(3))).rejects.toThrow(RangeError)
    await expect(target.read(0)).rejects.toThrow(RangeError)
    await target.close()
  })

  it('takes the same block twice at once', async () => {
    const dir = await tempFolder()
    const model = smallModel(FILES)
    const target = await opened(dir, model)
    const twice = [...model.blocks.keys()].flatMap(block => [block, block])
    const done = await Promise.all(twice.map(async block => await target.write(block, bytesOf(model, block))))
    expect(done.filter(isNew => isNew)).toHaveLength(model.blocks.length)
    expect(await target.finish()).toHaveLength(4)
    await target.close()
    expect((await readdir(dir, { recursive: true })).filter(name => name.includes('modelswarm'))).toEqual([])
  })

  it('pulls only wanted files', async () => {
    const dir = await tempFolder()
    const model = smallModel(FILES, 4, ['none'])
    const target = await opened(dir, model, { include: path => path.startsWith('sub/') })
    expect(target.wanted.count).toBe(3)
    await writeAll(target, model)
    await target.finish()
    await target.close()
    expect((await readdir(dir, { recursive: true })).sort()).toEqual(['sub', 'sub/b.bin', 'sub/empty'])
  })

  it('excludes a second pull into the same folder, naming the process', async () => {
    const dir = await tempFolder()
    const model = smallModel(FILES)
    const target = await opened(dir, model)
    await expect(openTarget(dir, model.manifest)).rejects.toMatchObject({
      code: 'ERR_TARGET_BUSY', message: expect.stringContaining(`process ${process.pid} `)
    })
    await target.close()
    await (await opened(dir, model)).close()
  })

  it('takes over the folder of a process that was killed', async () => {
    const dir = await tempFolder()
    const model = smallModel(FILES)
    const first = await opened(dir, model)
    const lock = await readFile(join(dir, '.modelswarm/lock'), 'utf8')
    await first.close()
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    await once(child, 'spawn')
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    await mkdir(join(dir, '.modelswarm'))
    await writeFile(join(dir, '.modelswarm/lock'), JSON.stringify({ ...JSON.parse(lock), pid: child.pid }))
    await (await opened(dir, model)).close()
    expect(await readdir(dir)).toEqual(['sub'])
  })

  it('refuses a target that is a file', async () => {
    const dir = await tempFolder()
    await writeFile(join(dir, 'f'), '')
    await expect(openTarget(join(dir, 'f'), smallModel(FILES).manifest)).rejects.toMatchObject({ code: 'ERR_PATH_KIND' })
    await expect(openTarget(join(dir, 'f/g'), smallModel(FILES).manifest)).rejects.toMatchObject({ code: 'ERR_PATH_KIND' })
  })

  it('never steps through a link that leads out, but through one that stays inside', async () => {
    const outside = await tempFolder()
    const dir = await tempFolder()
    await symlink(outside, join(dir, 'sub'))
    const model = smallModel(FILES)
    await expect(opened(dir, model)).rejects.toMatchObject({ code: 'ERR_PATH_KIND' })
    await rm(join(dir, 'sub'))
    await mkdir(join(dir, 'real'))
    await symlink('real', join(dir, 'sub'))
    const target = await opened(dir, model)
    await writeAll(target, model)
    await target.finish()
    await target.close()
    expect(await readFile(join(dir, 'real/b.bin'), 'utf8')).toBe(FILES['sub/b.bin'])
    expect(await readdir(outside)).toEqual([])
  })

  it('never writes through a link in the place of a part file', async () => {
    const outside = await tempFolder()
    const dir = await tempFolder()
    await writeFile(join(outside, 'victim'), 'mine')
    await symlink(join(outside, 'victim'), join(dir, 'z.modelswarm-part'))
    await expect(opened(dir, smallModel(FILES))).rejects.toMatchObject({ code: 'ERR_PATH_KIND' })
    expect(await readFile(join(outside, 'victim'), 'utf8')).toBe('mine')
  })

  it('refuses unsafe paths', async () => {
    const dir = await tempFolder()
    for (const path of ['../x', '/x', 'a//b', '.modelswarm/lock', 'x.modelswarm-part']) {
      await expect(openTarget(dir, smallModel({ [path]: 'x' }).manifest)).rejects.toMatchObject({ code: 'ERR_UNSAFE_NAME' })
    }
    expect(await readdir(dir)).toEqual([])
  })
})

describe('Target.verifyExisting', () => {
  it('takes complete files as they are and fetches nothing', async () => {
    const dir = await tempFolder()
    await mkdir(join(dir, 'sub'))
    for (const [path, text] of Object.entries(FILES)) await writeFile(join(dir, path), text)
    const events: number[] = []
    const model = smallModel(FILES)
    const target = await openTarget(dir, model.manifest)
    await target.verifyExisting({ check: model.check, onProgress: ({ bytes }) => events.push(bytes) })
    expect(target.held.isFull).toBe(true)
    expect(events.at(-1)).toBe(26)
    expect(await target.finish()).toHaveLength(4)
    await target.close()
  })

  it('tells how much of what it looks at is good, each place once', async () => {
    const dir = await tempFolder()
    await writeFile(join(dir, 'a.modelswarm-part'), 'ffffxxxx')
    await writeFile(join(dir, 'b'), 'gggghhhx')
    const model = smallModel({ a: 'ffffeeee', b: 'gggghhhh' })
    const events: unknown[] = []
    const target = await openTarget(dir, model.manifest, { force: true })
    await target.verifyExisting({ check: model.check, onProgress: event => { events.push(event) } })
    expect(events.at(-1)).toEqual({ bytes: 16, goodBytes: 8, total: 16 })
    expect(target.heldBytes).toBe(8)
    await target.close()
  })

  it('removes the part file beside a complete file, and does not bring it back', async () => {
    const dir = await tempFolder()
    await writeFile(join(dir, 'z'), 'ffff')
    await writeFile(join(dir, 'z.modelswarm-part'), 'ff')
    const target = await opened(dir, smallModel({ z: 'ffff' }))
    await target.sync()
    await target.close()
    expect(await readdir(dir)).toEqual(['z'])
  })

  it('refuses files that differ by name, at most five, before anything is written', async () => {
    const dir = await tempFolder()
    const files = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`f${i}`, `text ${i}`]))
    for (const path of Object.keys(files)) await writeFile(join(dir, path), path === 'f0' ? 'longer than it' : 'other!')
    await writeFile(join(dir, 'g.modelswarm-part'), 'gg')
    await expect(opened(dir, smallModel({ ...files, g: 'gggg', h: '' }))).rejects.toMatchObject({
      code: 'ERR_TARGET_DIFFERS',
      message: expect.stringContaining('f0, f1, f2, f3, f4 and 2 more')
    })
    expect((await readdir(dir)).sort()).toEqual([...Object.keys(files), 'g.modelswarm-part'])
    expect(await readFile(join(dir, 'f1'), 'utf8')).toBe('other!')
    expect((await stat(join(dir, 'g.modelswarm-part'))).size).toBe(2)
  })

  it('forced, uses the good blocks of a file that differs and replaces the rest', async () => {
    const dir = await tempFolder()
    await writeFile(join(dir, 'a.bin'), 'aaaaXXXXcccc and more')
    const model = smallModel(FILES)
    const target = await opened(dir, model, { force: true })
    expect([...target.held.indexes()]).toEqual([0, 2])
    // it is somebody's until it can be replaced as a whole
    expect(await readFile(join(dir, 'a.bin'), 'utf8')).toBe('aaaaXXXXcccc and more')
    await writeAll(target, model)
    await target.finish()
    await target.close()
    expect(await readFile(join(dir, 'a.bin'), 'utf8')).toBe(FILES['a.bin'])
    expect(await readdir(dir)).not.toContain('a.bin.modelswarm-part')
  })

  it('forced and broken off, leaves a file that differs as it was', async () => {
    const dir = await tempFolder()
    await writeFile(join(dir, 'a.bin'), 'mine')
    const model = smallModel(FILES)
    const target = await opened(dir, model, { force: true })
    await target.close()
    expect(await readFile(join(dir, 'a.bin'), 'utf8')).toBe('mine')
    await expect(opened(dir, model)).rejects.toMatchObject({ code: 'ERR_TARGET_DIFFERS' })
    const again = await opened(dir, model, { force: true })
    await writeAll(again, model)
    await again.finish()
    await again.close()
    expect(await readFile(join(dir, 'a.bin'), 'utf8')).toBe(FILES['a.bin'])
  })

  it('forced, never writes through a link or a hard link', async () => {
    const outside = await tempFolder()
    const dir = await tempFolder()
    await writeFile(join(outside, 'blob'), 'aaaaXXXXcccc')
    await writeFile(join(outside, 'hard'), 'FFFF')
    await symlink(join(outside, 'blob'), join(dir, 'a.bin'))
    await link(join(outside, 'hard'), join(dir, 'z'))
    await writeFile(join(dir, 'a.bin.modelswarm-part'), '\0\0\0\0bbbb\0\0\0\0')
    const model = smallModel(FILES)
    const target = await opened(dir, model, { force: true })
    // a and c from the linked file, b from the part file; b is in sub/b.bin too and was copied there
    expect([...target.held.indexes()]).toEqual([0, 1, 2])
    await writeAll(target, model)
    await target.finish()
    await target.close()
    expect(await readFile(join(outside, 'blob'), 'utf8')).toBe('aaaaXXXXcccc')
    expect(await readFile(join(outside, 'hard'), 'utf8')).toBe('FFFF')
    expect((await lstat(join(dir, 'a.bin'))).isSymbolicLink()).toBe(false)
    for (const [path, text] of Object.entries(FILES)) expect(await readFile(join(dir, path), 'utf8')).toBe(text)
  })

  it('never replaces a folder, forced or not', async () => {
    const dir = await tempFolder()
    await mkdir(join(dir, 'z'))
    await expect(opened(dir, smallModel(FILES), { force: true })).rejects.toMatchObject({ code: 'ERR_TARGET_DIFFERS' })
    const other = await tempFolder()
    await writeFile(join(other, 'sub'), '')
    await expect(opened(other, smallModel(FILES), { force: true })).rejects.toMatchObject({ code: 'ERR_TARGET_DIFFERS' })
    expect(await readdir(other)).toEqual(['sub'])
  })

  it('finds the good blocks of part files whose record is lost, and finishes what is complete', async () => {
    const dir = await tempFolder()
    await mkdir(join(dir, 'sub'))
    await writeFile(join(dir, 'sub/b.bin.modelswarm-part'), 'ddddXXXXee')
    await writeFile(join(dir, 'z.modelswarm-part'), 'ffff')
    const model = smallModel(FILES)
    const target = await opened(dir, model)
    const found = [...target.held.indexes()].map(block => bytesOf(model, block).toString())
    expect(found).toEqual(['dddd', 'ee', 'ffff'])
    expect(target.heldBytes).toBe(10)
    await target.finish()
    expect(await readFile(join(dir, 'z'), 'utf8')).toBe('ffff')
    await target.close()
  })

  it('resumes by the record without reading blocks it can believe', async () => {
    const dir = await tempFolder()
    const model = smallModel(FILES)
    const first = await opened(dir, model)
    for (const block of [0, 1, 5]) await first.write(block, bytesOf(model, block))
    await first.finish()
    const record = await recordOf(first)
    await first.close()
    const checked: number[] = []
    const second = await openTarget(dir, model.manifest)
    await second.verifyExisting({ record, check: noting(model, checked) })
    expect(checked).toEqual([])
    expect([...second.held.indexes()]).toEqual([0, 1, 5])
    await writeAll(second, model)
    await second.finish()
    await second.close()
    for (const [path, text] of Object.entries(FILES)) expect(await readFile(join(dir, path), 'utf8')).toBe(text)
  })

  it('does not believe the record of a part file that was replaced or written to', async () => {
    for (const tamper of ['replace', 'write'] as const) {
      const dir = await tempFolder()
      const model = smallModel(FILES)
      const first = await opened(dir, model)
      for (const block of [0, 1]) await first.write(block, bytesOf(model, block))
      const record = await recordOf(first)
      await first.close()
      const part = join(dir, 'a.bin.modelswarm-part')
      if (tamper === 'replace') {
        await writeFile(`${part}2`, 'XXXXbbbb\0\0\0\0')
        await rename(`${part}2`, part)
      } else {
        const file = await open(part, 'r+')
        await file.write('XXXX', 0)
        await file.close()
      }
      const second = await opened(dir, model, { record })
      expect([...second.held.indexes()], tamper).toEqual([1])
      await second.close()
    }
  })

  it('believes nothing of a part file that somebody cut, also when it has the size again', async () => {
    const dir = await tempFolder()
    const model = smallModel(FILES)
    const first = await opened(dir, model)
    for (const block of [0, 1]) await first.write(block, bytesOf(model, block))
    const part = join(dir, 'a.bin.modelswarm-part')
    await truncate(part, 4)
    const cut = { code: 'ERR_FILE_CHANGED', message: expect.stringContaining('its part file has 4 bytes instead of 12') }
    await expect(first.files()).rejects.toMatchObject(cut)
    await first.close()
    // As a version before this check recorded it: the identity is that of the file as it was cut.
    const identity = await identityOf(part)
    const held = new Bitfield(model.manifest.blockCount)
    held.fill()
    const record = { held, trusted: held, files: [{ path: 'a.bin', complete: false, identity }], recordedAtMs: Date.now() }
    const second = await opened(dir, model, { record })
    expect([...second.held.indexes()]).toEqual([0, 1])
    await writeAll(second, model)
    await second.finish()
    await second.close()
    for (const [path, text] of Object.entries(FILES)) expect(await readFile(join(dir, path), 'utf8')).toBe(text)
  })

  it('notices that somebody cut a part file when it opens it again', async () => {
    const dir = await tempFolder()
    const model = smallModel(FILES)
    const target = await opened(dir, model, { maxOpen: 1 })
    await target.write(0, bytesOf(model, 0))
    await target.write(5, bytesOf(model, 5))
    await truncate(join(dir, 'a.bin.modelswarm-part'), 4)
    await expect(target.write(1, bytesOf(model, 1))).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    await target.close()
  })

  it('reads again what was recorded but not synced, and no more', async () => {
    const dir = await tempFolder()
    const model = smallModel(FILES)
    const first = await opened(dir, model)
    for (const block of [0, 2]) await first.write(block, bytesOf(model, block))
    const record = await recordOf(first)
    await first.close()
    const trusted = new Bitfield(model.manifest.blockCount)
    trusted.add(0)
    const checked: number[] = []
    const second = await openTarget(dir, model.manifest)
    await second.verifyExisting({ record: { ...record, trusted }, check: noting(model, checked) })
    expect(checked).toEqual([2])
    expect([...second.held.indexes()]).toEqual([0, 2])
    await second.close()
  })

  it('does not take a block for held that an earlier pull wrote into fewer files', async () => {
    const dir = await tempFolder()
    const model = smallModel(FILES)
    const first = await opened(dir, model, { include: path => path === 'a.bin' })
    await first.write(1, bytesOf(model, 1))
    const record = await recordOf(first)
    await first.close()
    const second = await opened(dir, model, { record })
    // Copied from a.bin to sub/b.bin.
    expect([...second.held.indexes()]).toEqual([1])
    await second.close()
    expect(await readFile(join(dir, 'sub/b.bin.modelswarm-part'), 'utf8')).toBe('\0\0\0\0bbbb\0\0')
  })

  it('resolves sync to what was held before', async () => {
    const model = smallModel(FILES)
    const target = await opened(await tempFolder(), model)
    await target.write(0, bytesOf(model, 0))
    const syncing = target.sync()
    await target.write(1, bytesOf(model, 1))
    expect([...(await syncing).indexes()]).toEqual([0])
    await target.close()
  })

  it('keeps what is held when the disk is full, and goes on from there', async ({ skip }) => {
    const disk = await smallDisk(1)
    if (disk === undefined) return skip('may not mount a small disk')
    const model = smallModel({ f: Array.from({ length: 20 }, (_, i) => String(i).padEnd(65536)).join('') }, 65536)
    const first = await opened(join(disk, 't'), model)
    await expect(writeAll(first, model)).rejects.toMatchObject({ code: 'ERR_NO_SPACE', blame: 'self' })
    const held = first.held.count
    expect(held).toBeGreaterThan(8)
    await first.close()
    const second = await opened(join(disk, 't'), model)
    expect(second.held.count).toBe(held)
    await second.close()
  })
})
