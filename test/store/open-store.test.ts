import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { openStore } from '../../src/store/open-store.ts'
import { Bitfield } from '../../src/model/bitfield.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { tempStore } from './temp-store.ts'

const identity = { sizeBytes: 10, mtimeNs: 1n, ctimeNs: 2n, inode: 3n }

/** A state folder with some pages in it. */
async function filled (): Promise<string> {
  const dir = await tempFolder()
  const store = await openStore(dir)
  const digests = Buffer.from(Array.from({ length: 32 * 3000 }, (_, i) => (i * 7919) >>> 3))
  await store.places.replaceFile({ path: '/m/a', identity }, digests, new Uint32Array(3000).fill(1))
  await store.close()
  return dir
}

/** What this process has locked of a file: without it other processes take this one for dead. */
async function ownLocks (path: string): Promise<string[]> {
  const { ino } = await stat(path)
  // 1: POSIX ADVISORY WRITE 4711 fe:00:123456 0 0
  const locks = (await readFile('/proc/locks', 'utf8')).split('\n').map(line => line.trim().split(/\s+/))
  return locks.filter(([, , , , pid, inode]) => pid === String(process.pid) && inode?.endsWith(`:${ino}`) === true)
    .map(fields => fields.slice(1).join(' ')).sort()
}

describe('openStore', () => {
  it('shares one folder between stores of one process, each closed on its own', async () => {
    const dir = await tempFolder()
    const [a, b] = [await openStore(dir), await openStore(dir)]
    await a.places.replaceFile({ path: '/m/a', identity }, new Uint8Array(32), [1])
    expect(b.places.indexedFile('/m/a', identity)).toBeDefined()
    await a.close()
    await a.close()
    await b.places.replaceFile({ path: '/m/b', identity }, new Uint8Array(32), [1])
    expect(b.places.find(new Uint8Array(32))).toHaveLength(2)
    await expect(a.places.addFile({ path: '/m/c', identity })).rejects.toMatchObject({ code: 'ERR_STOPPED' })
    await b.close()
  })

  it.skipIf(process.platform !== 'linux')('keeps its locks when the same process opens and closes the folder again', async () => {
    const dir = await tempFolder()
    const first = await openStore(dir)
    const before = await ownLocks(join(dir, 'db/lock.mdb'))
    expect(before).not.toEqual([])
    const second = await openStore(dir)
    expect(await ownLocks(join(dir, 'db/lock.mdb'))).toEqual(before)
    await second.close()
    expect(await ownLocks(join(dir, 'db/lock.mdb'))).toEqual(before)
    await first.close()
  })

  it.each(['version', 'db/data.mdb', 'db/lock.mdb'])('does not wait for the other end of a named pipe in the place of %s', async name => {
    const dir = await tempFolder()
    await mkdir(join(dir, 'db'))
    execFileSync('mkfifo', [join(dir, name)])
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'ERR_STATE_DAMAGED', message: expect.stringContaining('is no file') })
  })

  it('leaves the folder of a newer version untouched', async () => {
    const dir = await tempFolder()
    await writeFile(join(dir, 'version'), '2\n')
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'ERR_STATE_VERSION', message: expect.stringContaining('version 2') })
    expect(await readdir(dir)).toEqual(['version'])
    expect(await readFile(join(dir, 'version'), 'utf8')).toBe('2\n')
  })

  it('says so when the folder is a file, or a file is in the way', async () => {
    const dir = await tempFolder()
    await writeFile(join(dir, 'f'), '')
    await expect(openStore(join(dir, 'f'))).rejects.toMatchObject({ code: 'ERR_PATH_KIND' })
    await expect(openStore(join(dir, 'f/g'))).rejects.toMatchObject({ code: 'ERR_PATH_KIND' })
  })

  it('refuses a folder that holds other things and is no state folder, and writes nothing there', async () => {
    const dir = await tempFolder()
    await mkdir(join(dir, 'db'))
    await writeFile(join(dir, 'model.gguf'), 'x')
    await expect(openStore(dir)).rejects.toMatchObject({
      code: 'ERR_PATH_KIND',
      message: `Cannot use ${dir} as state folder: it is none, and holds other files (model.gguf); name a new folder or an empty one`
    })
    expect(await readdir(dir)).toEqual(['db', 'model.gguf'])
    expect(await readdir(join(dir, 'db'))).toEqual([])
  })

  it('takes an empty folder, and what a crash may have left of a state folder', async () => {
    const dir = await tempFolder()
    for (const name of ['db', 'identities', 'lost+found']) await mkdir(join(dir, name))
    await (await openStore(dir)).close()
    await writeFile(join(dir, 'notes.txt'), 'put there later')
    await (await openStore(dir)).close()
  })

  it('says so when it may not write', async ({ skip }) => {
    if (process.getuid?.() === 0) skip('root may write everywhere')
    const dir = await tempFolder()
    await chmod(dir, 0o500)
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'ERR_PATH_PERMISSION' })
    await expect(openStore(join(dir, 'new'))).rejects.toMatchObject({ code: 'ERR_PATH_PERMISSION' })
  })

  it('refuses a damaged database instead of letting it end the process', async () => {
    const damages: Record<string, (file: string, size: number) => Promise<void>> = {
      'a few bytes': async file => { await truncate(file, 100) },
      // Where the roots lie differs from run to run; beyond the two meta pages they always are.
      'all but the meta pages': async file => { await truncate(file, 8192) },
      'one page': async file => { await truncate(file, 4096) },
      text: async file => { await writeFile(file, 'a'.repeat(50_000)) },
      zeros: async (file, size) => { await writeFile(file, Buffer.alloc(size)) },
      'pages of noise': async (file, size) => {
        const bytes = await readFile(file)
        await writeFile(file, Buffer.concat([bytes.subarray(0, 8192), Buffer.alloc(size - 8192, 0xab)]))
      }
    }
    for (const [name, damage] of Object.entries(damages)) {
      const dir = await filled()
      const file = join(dir, 'db/data.mdb')
      await damage(file, (await stat(file)).size)
      await expect(openStore(dir), name).rejects.toMatchObject({ code: 'ERR_STATE_DAMAGED' })
    }
    const dir = await tempFolder()
    await mkdir(join(dir, 'db/data.mdb'), { recursive: true })
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'ERR_STATE_DAMAGED' })
    const other = await tempFolder()
    await writeFile(join(other, 'version'), 'nonsense')
    await expect(openStore(other)).rejects.toMatchObject({ code: 'ERR_STATE_DAMAGED' })
  })

  it('opens what was flushed before a power cut, whatever is left of what was not', async () => {
    const dir = await filled()
    const file = join(dir, 'db/data.mdb')
    const bytes = await readFile(file)
    const pageBytes = bytes.readUInt32LE(48)
    const [older = 0, newer = 0] = bytes.readBigUInt64LE(152) < bytes.readBigUInt64LE(pageBytes + 152)
      ? [0, pageBytes]
      : [pageBytes, 0]
    // A transaction more, of another boot and not flushed: of its pages nothing reached the disk.
    bytes.copyWithin(older + 24, newer + 24, newer + 168)
    bytes.writeUInt16LE(bytes.readUInt16LE(newer + 52) | 0x1000, older + 52)
    bytes.writeBigUInt64LE(BigInt(bytes.byteLength / pageBytes + 5), older + 136)
    bytes.writeBigUInt64LE(bytes.readBigUInt64LE(newer + 152) + 1n, older + 152)
    bytes.writeBigInt64LE(1n, older + 160)
    await writeFile(file, bytes)
    const store = await openStore(dir)
    expect(store.places.indexedFile('/m/a', identity)).toBeDefined()
    await store.close()
  })

  it('opens a database that was just made, emptied by hand, or written to a lot', async () => {
    const dir = await filled()
    for (let i = 0; i < 5; i++) {
      const store = await openStore(dir)
      await store.places.dropPath('/m/a')
      await store.places.replaceFile({ path: '/m/a', identity }, Buffer.alloc(32 * 5000, i), new Uint32Array(5000).fill(1))
      await store.close()
    }
    await truncate(join(dir, 'db/data.mdb'), 0)
    const store = await openStore(dir)
    expect(store.models.list()).toEqual([])
    await store.close()
  })

  it('forgets a model with the places that no other model has', async () => {
    const store = await tempStore()
    const held = new Bitfield(1)
    const file = (absolute: string): { path: string, absolute: string, identity: typeof identity } => ({ path: 'x', absolute, identity })
    const base = { name: 'n', origin: 'published' as const, totalBytes: 1, blockCount: 1, distinctBytes: 1, heldBytes: 1, createdAtMs: 1 }
    for (const path of ['/m/a', '/m/b']) await store.places.replaceFile({ path, identity }, Buffer.alloc(32, path), [1])
    await store.models.put({ ...base, root: 'r', path: '/m', files: [file('/m/a'), file('/m/b')] })
    await store.models.put({ ...base, root: 's', path: '/m/b', files: [file('/m/b')] })
    await store.held.record('r', '/m', { held, files: [] })
    await store.forget('r')
    expect(store.models.list().map(model => model.root)).toEqual(['s'])
    expect(store.held.load('r', '/m', 1)).toBeUndefined()
    expect(store.places.find(Buffer.alloc(32, '/m/a'))).toEqual([])
    expect(store.places.find(Buffer.alloc(32, '/m/b'))).toHaveLength(1)
  })

  it('still has a model that could not be forgotten whole, so that it can be forgotten again', async () => {
    const store = await tempStore()
    const sizes = { totalBytes: 1, blockCount: 1, distinctBytes: 1, heldBytes: 1 }
    const file = { path: 'x', absolute: '/m/a', identity }
    await store.places.replaceFile({ path: '/m/a', identity }, Buffer.alloc(32, 'a'), [1])
    await store.models.put({ root: 'r', name: 'n', path: '/m', origin: 'published', createdAtMs: 1, files: [file], ...sizes })
    const drop = vi.spyOn(store.places, 'dropPath').mockRejectedValueOnce(new Error('no space'))
    await expect(store.forget('r')).rejects.toThrow('no space')
    expect(store.models.get('r')).toHaveLength(1)
    await store.forget('r')
    expect([store.models.list(), store.places.isEmpty, drop.mock.calls.length]).toEqual([[], true, 2])
  })

  it('says less than it holds, never more, when a process is killed while it records', async ({ skip }) => {
    const built = join(import.meta.dirname, '../../dist/src/store/open-store.js')
    if (!await stat(built).then(() => true, () => false)) skip('needs dist: npx tsc -p tsconfig.build.json')
    for (let round = 0; round < 3; round++) {
      const dir = await tempFolder()
      const child = spawn(process.execPath, [join(import.meta.dirname, 'record-until-killed.mjs'), dir], { stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      child.stdout.setEncoding('utf8')
      for await (const text of child.stdout) {
        said += String(text)
        if (said.split('\n').length > 20 + round) child.kill('SIGKILL')
      }
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      const store = await tempStore(dir)
      const held = store.held.load('r', '/t', 100_000)?.held
      const written = (await readFile(join(dir, 'written'))).byteLength
      const saidLast = Number(said.trimEnd().split('\n').at(-1))
      expect(held?.count).toBeGreaterThanOrEqual(saidLast)
      expect(held?.count).toBeLessThanOrEqual(written)
      await store.close()
    }
  })
})
