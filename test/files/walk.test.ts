import { execFileSync } from 'node:child_process'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { walk } from '../../src/files/walk.ts'
import { openStore } from '../../src/store/open-store.ts'
import { all, tempFolder } from './temp-folder.ts'

const paths = async (dir: string): Promise<string[]> => {
  return (await all(walk(dir))).map(entry => entry.kind === 'file' ? entry.path : `${entry.path}/`)
}

describe('walk', () => {
  it('leaves a state folder out, and refuses to be one: private keys are in it', async () => {
    const dir = await tempFolder()
    const state = join(dir, 'a/state')
    await (await openStore(state)).close()
    await mkdir(join(state, 'identities/0'), { recursive: true })
    await writeFile(join(state, 'identities/0/key'), 'secret')
    await writeFile(join(dir, 'b'), 'b')
    // Names alone make no state folder.
    await mkdir(join(dir, 'c/db'), { recursive: true })
    await writeFile(join(dir, 'c/version'), '1')
    const notes: string[] = []
    const found: string[] = []
    for await (const { path } of walk(dir, { onNote: note => notes.push(note) })) found.push(path)
    expect(found).toEqual(['b', 'c/db', 'c/version'])
    expect(notes).toEqual([expect.stringMatching(/^Skipped .*a\/state: it is a state folder of modelswarm/)])
    await expect(all(walk(state))).rejects.toMatchObject({ code: 'ERR_PATH_KIND', message: expect.stringContaining('private keys') })
  })

  it('gives files depth first in byte order of their UTF-8 names', async () => {
    const dir = await tempFolder()
    await mkdir(join(dir, 'b'))
    // U+FF5E sorts before U+1F600 in UTF-8 and after it in UTF-16.
    for (const name of ['b.txt', 'a', 'b/z', 'b/A', 'Z', '～', '😀']) await writeFile(join(dir, name), 'x')
    expect(await paths(dir)).toEqual(['Z', 'a', 'b/A', 'b/z', 'b.txt', '～', '😀'])
  })

  it('keeps empty files, empty folders and dot files, and skips what is ours and version control', async () => {
    const dir = await tempFolder()
    for (const name of ['.git', '.modelswarm', '.cache', 'empty', 'only', 'only/.git']) await mkdir(join(dir, name))
    for (const name of ['.git/x', '.cache/x', '.DS_Store', '.gitattributes', 'w.bin.modelswarm-part', 'zero']) {
      await writeFile(join(dir, name), '')
    }
    expect(await paths(dir)).toEqual(['.gitattributes', 'empty/', 'only/', 'zero'])
  })

  it('gives a path that is a file by its name, and a link to a file by the name of the link', async () => {
    const dir = await tempFolder()
    await writeFile(join(dir, 'blob'), 'abc')
    await symlink('blob', join(dir, 'model.gguf'))
    expect(await all(walk(join(dir, 'blob')))).toEqual([
      { kind: 'file', path: 'blob', absolute: join(dir, 'blob'), sizeBytes: 3 }
    ])
    expect(await all(walk(join(dir, 'model.gguf')))).toEqual([
      { kind: 'file', path: 'model.gguf', absolute: join(dir, 'model.gguf'), sizeBytes: 3 }
    ])
  })

  it('follows links to files and folders out of the folder, as in a hub snapshot', async () => {
    const dir = await tempFolder()
    await mkdir(join(dir, 'blobs/more'), { recursive: true })
    await mkdir(join(dir, 'snapshot'))
    await writeFile(join(dir, 'blobs/1'), 'abc')
    await writeFile(join(dir, 'blobs/more/2'), 'abcd')
    await symlink('../blobs/1', join(dir, 'snapshot/w.safetensors'))
    await symlink('../blobs/more', join(dir, 'snapshot/folder'))
    expect(await paths(join(dir, 'snapshot'))).toEqual(['folder/2', 'w.safetensors'])
  })

  it('skips a folder link that loops, with a note', async () => {
    const dir = await tempFolder()
    await mkdir(join(dir, 'a'))
    await writeFile(join(dir, 'a/f'), 'x')
    await symlink('..', join(dir, 'a/up'))
    const notes: string[] = []
    const entries = await all(walk(dir, { onNote: note => notes.push(note) }))
    expect(entries).toHaveLength(1)
    expect(notes).toEqual([`Skipped ${join(dir, 'a/up')}: the link leads back into a folder it lies in`])
  })

  it('refuses a dangling link, and a link to itself, naming it', async () => {
    const dir = await tempFolder()
    await symlink('nowhere', join(dir, 'w.bin'))
    await expect(all(walk(dir))).rejects.toMatchObject({ code: 'ERR_PATH_NOT_FOUND', details: { path: join(dir, 'w.bin') } })
    await expect(all(walk(join(dir, 'w.bin')))).rejects.toMatchObject({ code: 'ERR_PATH_NOT_FOUND' })
    const other = await tempFolder()
    await symlink('self', join(other, 'self'))
    await expect(all(walk(other))).rejects.toMatchObject({ code: 'ERR_PATH_NOT_FOUND' })
  })

  it('refuses sockets, named pipes and devices', async () => {
    const dir = await tempFolder()
    execFileSync('mkfifo', [join(dir, 'pipe')])
    await expect(all(walk(dir))).rejects.toMatchObject({ code: 'ERR_PATH_KIND', message: expect.stringContaining('a named pipe') })
    await expect(all(walk('/dev/null'))).rejects.toMatchObject({ code: 'ERR_PATH_KIND', message: expect.stringContaining('a device') })
    const other = await tempFolder()
    const server = createServer()
    await new Promise<void>(resolve => server.listen(join(other, 's'), resolve))
    await expect(all(walk(other))).rejects.toMatchObject({ code: 'ERR_PATH_KIND', message: expect.stringContaining('a socket') })
    await new Promise(resolve => server.close(resolve))
  })

  it('says what was attempted, and what to do about a path that is itself no file', async () => {
    const dir = await tempFolder()
    const messageOf = async (path: string, attempted: 'publish' | 'inspect'): Promise<string> => {
      const err: unknown = await all(walk(path, { attempted })).catch((thrown: unknown) => thrown)
      return err instanceof Error ? err.message : ''
    }
    expect(await messageOf('/dev/null', 'publish'))
      .toBe('Cannot publish /dev/null: it is a device, no file; name a file or folder to publish')
    expect(await messageOf('/nope', 'inspect'))
      .toBe('Cannot inspect /nope: it is no link and no root, and there is no such file or folder')
    expect(await messageOf('/nope', 'publish')).toBe('Cannot publish /nope: it does not exist; check the path')
    execFileSync('mkfifo', [join(dir, 'pipe')])
    expect(await messageOf(dir, 'inspect'))
      .toBe(`Cannot inspect ${join(dir, 'pipe')}: it is a named pipe, no file; move it out of the model`)
  })

  it('refuses a missing path, an empty folder and a folder of empty folders', async () => {
    const dir = await tempFolder()
    await expect(all(walk(join(dir, 'no')))).rejects.toMatchObject({ code: 'ERR_PATH_NOT_FOUND' })
    await expect(all(walk(dir))).rejects.toMatchObject({ code: 'ERR_PATH_EMPTY' })
    await mkdir(join(dir, 'a/b'), { recursive: true })
    await expect(all(walk(dir))).rejects.toMatchObject({ code: 'ERR_PATH_EMPTY' })
  })

  it('refuses a name that is not valid UTF-8', async ({ skip }) => {
    const dir = await tempFolder()
    const name = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0x66, 0xff])])
    await writeFile(name, 'x').catch(() => skip('this file system takes only UTF-8'))
    await expect(all(walk(dir))).rejects.toMatchObject({ code: 'ERR_UNSAFE_NAME' })
  })

  it('refuses an unreadable file', async ({ skip }) => {
    if (process.getuid?.() === 0) skip('root may read everything')
    const dir = await tempFolder()
    await writeFile(join(dir, 'secret'), 'x')
    await chmod(join(dir, 'secret'), 0)
    await expect(all(walk(dir))).rejects.toMatchObject({ code: 'ERR_PATH_PERMISSION' })
  })

  it('ends with the reason of the signal', async () => {
    const dir = await tempFolder()
    await writeFile(join(dir, 'a'), 'x')
    await expect(all(walk(dir, { signal: AbortSignal.abort(new Error('enough')) }))).rejects.toThrow('enough')
  })
})
