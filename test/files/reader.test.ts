import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readlink, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { identityOf } from '../../src/files/file-identity.ts'
import { FileReaders, openToRead } from '../../src/files/reader.ts'
import { ioError, onEveryHandle } from './on-every-handle.ts'
import { tempFolder } from './temp-folder.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

describe('FileReaders', () => {
  it('reads ranges in fresh buffers, with few handles open, and none after close', async () => {
    const dir = await tempFolder()
    const readers = new FileReaders({ maxOpen: 3 })
    const before = (await readdir('/proc/self/fd')).length
    for (let i = 0; i < 10; i++) {
      const path = join(dir, String(i))
      await writeFile(path, `content ${i}`)
      expect(text(await readers.read(path, 3, 6, await identityOf(path)))).toBe(`tent ${i}`)
      expect(readers.openCount).toBeLessThanOrEqual(3)
    }
    await readers.close()
    await readers.close()
    expect((await readdir('/proc/self/fd')).length).toBeLessThanOrEqual(before)
    await expect(readers.read(join(dir, '1'), 0, 1, await identityOf(join(dir, '1')))).rejects.toMatchObject({ code: 'ERR_STOPPED' })
  })

  it('notices a changed file when it opens it, and within a second afterwards', async () => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, 'abcdef')
    const identity = await identityOf(path)
    let nowMs = 0
    const readers = new FileReaders({ now: () => nowMs })
    await readers.read(path, 0, 6, identity)
    await writeFile(path, 'ABCDEF')
    nowMs = 1000
    await expect(readers.read(path, 0, 6, identity)).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    expect(text(await readers.read(path, 0, 6, await identityOf(path)))).toBe('ABCDEF')
    await truncate(path, 3)
    await expect(readers.read(path, 0, 6, await identityOf(path))).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    await rm(path)
    await expect(readers.read(path, 0, 1, identity)).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    await readers.close()
  })

  it('does not wait for the writer of a named pipe in the place of a file', async () => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, 'abcdef')
    const identity = await identityOf(path)
    await rm(path)
    execFileSync('mkfifo', [path])
    const readers = new FileReaders()
    await expect(readers.read(path, 0, 6, identity)).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    // One that got the inode of the file that was deleted.
    const { inode } = await identityOf(path)
    await expect(readers.read(path, 0, 6, { inode })).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    await readers.close()
  })

  it('leaves no file open whose state cannot be asked for', async () => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, 'abcdef')
    const undo = await onEveryHandle('stat', opened => opened === path, () => { throw ioError() })
    for (let i = 0; i < 3; i++) await expect(openToRead(path)).rejects.toMatchObject({ code: 'EIO' })
    undo()
    const open = (await readdir('/proc/self/fd')).map(async fd => await readlink(`/proc/self/fd/${fd}`).catch(() => ''))
    expect(await Promise.all(open)).not.toContain(path)
  })

  it('waits for who has a lease on a file', async ({ skip }) => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, 'abcdef')
    const holder = spawn('python3', ['-c', `
import fcntl, os, signal, sys
fd = os.open(sys.argv[1], os.O_RDWR)
def give_back(*_):
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    sys.exit(0)
signal.signal(signal.SIGIO, give_back)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
while True: signal.pause()
`, path], { stdio: ['ignore', 'pipe', 'ignore'] })
    onTestFinished(() => { holder.kill() })
    const first = await Promise.race([once(holder.stdout, 'data'), once(holder, 'close').then(() => undefined, () => undefined)])
    if (first === undefined) skip('there is no python3 here, or no leases on this file system')
    const handle = await openToRead(path)
    expect(String(await handle.readFile())).toBe('abcdef')
    await handle.close()
  })

  it('reads the new file when the one it had open was replaced', async () => {
    const dir = await tempFolder()
    const path = join(dir, 'f')
    await writeFile(path, 'old')
    const readers = new FileReaders()
    await readers.read(path, 0, 3, await identityOf(path))
    await writeFile(join(dir, 'g'), 'new')
    await rename(join(dir, 'g'), path)
    expect(text(await readers.read(path, 0, 3, await identityOf(path)))).toBe('new')
    await readers.close()
  })

  it('reads on in a file that is written to when told its inode only, and lets go of it when asked', async () => {
    const path = join(await tempFolder(), 'f')
    await writeFile(path, 'abcdef')
    const { inode } = await identityOf(path)
    let nowMs = 0
    const readers = new FileReaders({ now: () => nowMs })
    expect(text(await readers.read(path, 1, 3, { inode }))).toBe('bcd')
    await writeFile(path, 'ABCDEFG')
    nowMs = 1000
    expect(text(await readers.read(path, 1, 3, { inode }))).toBe('BCD')
    await expect(readers.read(path, 1, 3, { inode: inode + 1n })).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    await readers.read(path, 1, 3, { inode })
    readers.drop(path)
    expect(readers.openCount).toBe(0)
    await readers.close()
  })
})
