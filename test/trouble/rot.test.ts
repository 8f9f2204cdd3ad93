// Files that change under whoever serves them. Whatever happens to them: nobody takes a wrong byte, the rotten seeder
// stops offering what it has not any more and says so, and the pull is completed by another.
import { mkdir, open, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openCollection } from '../../src/index.ts'
import { identityOf } from '../../src/files/file-identity.ts'
import { openStore } from '../../src/store/open-store.ts'
import { gate, onEveryHandle } from '../files/on-every-handle.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { noise } from '../model/tree-fixtures.ts'
import { playedSeeder } from '../node/played-seeder.ts'
import { addrOf, eventually, forgotten, printsOf, startNode, target, writeFiles } from '../node/nodes.ts'
import type { Node, PullEvent } from '../../src/index.ts'
import type { Files } from '../node/nodes.ts'

const BYTES = 1_000_000
const GOOD = noise(1, BYTES)
const FILES: Files = { 'folder/w.bin': GOOD, 'small.txt': Uint8Array.of(1, 2, 3) }

interface Sharing {
  node: Node
  state: string
  dir: string
  /** The large file. */
  file: string
  root: string
  notes: string[]
}

async function sharing (files = FILES): Promise<Sharing> {
  const [state, dir, notes] = [await tempFolder(), await writeFiles(files), new Array<string>()]
  const node = await startNode({ dir: state, onNote: note => { notes.push(note) } })
  const { root } = await node.publish(dir)
  return { node, state, dir, file: join(dir, 'folder/w.bin'), root, notes }
}

/** Another byte at one place, or with `isGood` the right one. Reads nothing: a test may stand between. */
async function changeByte (path: string, at: number, isGood = false): Promise<void> {
  const handle = await open(path, 'r+')
  await handle.write(Uint8Array.of((GOOD[at] ?? 0) ^ (isGood ? 0 : 0xff)), 0, 1, at)
  await handle.close()
}

/** What a failing disk does: the byte is another, and nothing about the file tells. */
async function rotByte ({ state, file }: Sharing, at: number): Promise<void> {
  await changeByte(file, at)
  const store = await openStore(state)
  const identity = await identityOf(file)
  await store.models.setIdentity(identity, ({ absolute }) => absolute === file)
  await store.close()
}

type Harm = (file: string) => Promise<void>

const HARMS: Readonly<Record<string, Harm>> = {
  'edited.bin': async file => { await changeEverywhere(file) },
  'edited, mtime put back.bin': async file => {
    const { atime, mtime } = await stat(file)
    await changeEverywhere(file)
    await utimes(file, atime, mtime)
  },
  'truncated.bin': async file => { await truncate(file, 1000) },
  'replaced by rename.bin': async file => {
    await writeFile(`${file}.new`, noise(2, BYTES))
    await rename(`${file}.new`, file)
  },
  'deleted.bin': async file => { await rm(file) },
  'folder/gone with it.bin': async file => { await rm(dirname(file), { recursive: true }) },
  'replaced by a folder.bin': async file => {
    await rm(file)
    await mkdir(file)
  }
}
/** A file for each harm; only their first bytes differ. */
const HARMED: Files = Object.fromEntries(Object.keys(HARMS).map((name, i) => [name, GOOD.subarray(i)]))

async function changeEverywhere (file: string): Promise<void> {
  for (let at = 0; at < BYTES - 10; at += 60_000) await changeByte(file, at)
}

async function harmAll (dir: string): Promise<void> {
  for (const [name, harm] of Object.entries(HARMS)) await harm(join(dir, name))
}

/** Pulls from these; the notes that came are those of the pull. */
async function pullFrom (root: string, peers: string[], files = FILES): Promise<string[]> {
  const notes: string[] = []
  const out = await target()
  const onProgress = (event: PullEvent): void => { if (event.type === 'note') notes.push(event.message) }
  await (await startNode()).pull(root, out, { peers, onProgress })
  expect(await printsOf(out)).toEqual(await printsOf(await writeFiles(files)))
  return notes
}

describe('a published file', () => {
  it('edited, truncated, replaced or deleted is not given to anybody, and others complete the pull', async () => {
    const rotten = await sharing(HARMED)
    const good = await playedSeeder(HARMED)
    expect(good.root).toBe(rotten.root)
    await harmAll(rotten.dir)
    await forgotten()
    const notes = await pullFrom(rotten.root, [addrOf(rotten.node), good.addr], HARMED)
    // it said by itself what it has not any more: nobody had to drop it
    expect(notes.filter(note => note.includes('dropped'))).toEqual([])
    expect(rotten.node.sentBytes).toBeLessThan(20_000)
    expect(rotten.notes).not.toEqual([])
  })

  it('edited, truncated, replaced or deleted in the middle of a pull costs nothing but its source', async () => {
    const rotten = await sharing(HARMED)
    const good = await playedSeeder(HARMED, { isHeld: () => false })
    const door = gate()
    await onEveryHandle('read', path => path.startsWith(rotten.dir), async before => { if (before >= 4) await door.wait() })
    const pull = pullFrom(rotten.root, [addrOf(rotten.node), good.addr], HARMED)
    await eventually(door.isWaitedAt, 'the files are being read')
    await harmAll(rotten.dir)
    door.open()
    good.holdAll()
    await pull
  })

  it('edited between the look and the read gives wrong bytes once: its seeder learns that from who got them', async () => {
    const rotten = await sharing()
    const good = await playedSeeder(FILES, { isHeld: () => false })
    const door = gate()
    await onEveryHandle('read', path => path === rotten.file, async before => { if (before >= 4) await door.wait() })
    const pull = pullFrom(rotten.root, [addrOf(rotten.node), good.addr])
    await eventually(door.isWaitedAt, 'the file is being read')
    await changeEverywhere(rotten.file)
    door.open()
    await eventually(() => rotten.notes.some(note => /w\.bin (changed since|does not hold what)/.test(note)), 'it learns')
    good.holdAll()
    expect(await pull).toEqual([expect.stringMatching(/was dropped: .*other bytes than its name says/)])
    expect(await onlyFrom(rotten)).toMatch(/has none of them|cannot read its files/)
  })

  it('that shows other bytes with nothing to tell it is not offered again once a receiver rejects it', async () => {
    const rotten = await sharing()
    const good = await playedSeeder(FILES)
    await rotByte(rotten, 500_000)
    const bad = await onlyFrom(rotten)
    expect(bad).toMatch(/blocks are missing; .*sent wrong bytes and was dropped/)
    const isTold = /w\.bin does not hold what was published.*--force/
    await eventually(() => rotten.notes.some(note => isTold.test(note)), 'it learns')
    const notes = await pullFrom(rotten.root, [addrOf(rotten.node), good.addr])
    expect(notes.filter(note => note.includes('dropped'))).toEqual([])
    await rotten.node.stop()
    // nor after a restart, and whoever looks sees it
    const again = await startNode({ dir: rotten.state })
    expect(await onlyFrom({ ...rotten, node: again })).toContain('has none of them')
    expect(await heldBytes(rotten.state)).toBe(3)
    // publishing reads it anew
    const anew = await again.publish(rotten.dir)
    expect(anew.root).not.toBe(rotten.root)
  })

  it('that verify finds rotten is not offered by a node that runs, and is again when verify finds it good', async () => {
    const rotten = await sharing()
    await rotByte(rotten, 500_000)
    const collection = await openCollection({ dir: rotten.state })
    onTestFinished(async () => { await collection.close() })
    expect((await collection.verify(rotten.root)).bad).toEqual([{ path: 'folder/w.bin', blocks: 1 }])
    expect(await onlyFrom(rotten)).not.toContain('dropped')
    const notes: string[] = []
    const out = await target()
    const onProgress = (event: PullEvent): void => { if (event.type === 'note') notes.push(event.message) }
    const puller = await startNode()
    const pull = puller.pull(rotten.root, out, { peers: [addrOf(rotten.node)], giveUpSeconds: 30, onProgress })
    const isWaiting = /^Waiting for \d+ of \d+ blocks: nobody connected has any of them$/
    await eventually(() => notes.some(note => isWaiting.test(note)), 'it waits')
    await changeByte(rotten.file, 500_000, true)
    expect((await collection.verify(rotten.root)).bad).toEqual([])
    await pull
    expect(await printsOf(out)).toEqual(await printsOf(rotten.dir))
  })
})

describe('a part file', () => {
  it.each<[string, (part: string) => Promise<void>]>([
    ['is deleted', async part => { await rm(part) }],
    ['is replaced', async part => {
      await writeFile(`${part}.new`, noise(2, BYTES))
      await rename(`${part}.new`, part)
    }]
  ])('that %s in the middle never becomes the file, and the next pull completes it', async (_, harm) => {
    const seeder = await playedSeeder(FILES, { isHeld: block => block % 2 === 0 })
    const puller = await startNode()
    const out = await target()
    let held = 0
    const onProgress = (event: PullEvent): void => { if (event.type === 'progress') held = event.bytes }
    const peers = [seeder.addr]
    const pull = puller.pull(seeder.root, out, { peers, onProgress })
    const failed = expect(pull).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED', blame: 'self' })
    await eventually(() => held > BYTES / 3, 'half is there')
    await harm(join(out, 'folder/w.bin.modelswarm-part'))
    seeder.holdAll()
    await failed
    await expect(stat(join(out, 'folder/w.bin'))).rejects.toMatchObject({ code: 'ENOENT' })
    await puller.pull(seeder.root, out, { peers })
    expect(await printsOf(out)).toEqual(await printsOf(await writeFiles(FILES)))
  })

  it('whose bytes a receiver rejects ends the pull, and the next one fetches them again', async () => {
    const seeder = await playedSeeder(FILES, { isHeld: block => block % 2 === 0 })
    const puller = await startNode()
    const out = await target()
    let held = 0
    const onProgress = (event: PullEvent): void => { if (event.type === 'progress') held = event.bytes }
    const pull = puller.pull(seeder.root, out, { peers: [seeder.addr], onProgress })
    const failed = expect(pull).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED', blame: 'self' })
    // Every block that there is: one that came later would write over the change.
    let there = 0
    for (let block = 0; block < seeder.manifest.blockCount; block += 2) there += seeder.manifest.sizeBytes(block)
    await eventually(() => held >= there, 'half is there')
    await changeByte(join(out, 'folder/w.bin.modelswarm-part'), 1000)
    // Peer exchange would name it to the other, which may then take every block from there and find nothing wrong.
    await seeder.libp2p.stop()
    const stop = new AbortController()
    const { signal } = stop
    const other = (await startNode()).pull(seeder.root, await target(), { peers: [addrOf(puller)], signal })
    const stopped = expect(other).rejects.toThrow()
    await failed
    stop.abort()
    await stopped
    const again = await playedSeeder(FILES)
    await puller.pull(seeder.root, out, { peers: [again.addr] })
    expect(await printsOf(out)).toEqual(await printsOf(await writeFiles(FILES)))
  })
})

/** The line of a pull that has nobody else to ask. */
async function onlyFrom ({ node, root }: Sharing): Promise<string> {
  const pull = (await startNode()).pull(root, await target(), { peers: [addrOf(node)], giveUpSeconds: 3 })
  return await pull.then(() => 'It was completed', (err: unknown) => err instanceof Error ? err.message : 'failed')
}

async function heldBytes (state: string): Promise<number | undefined> {
  const collection = await openCollection({ dir: state })
  const [model] = await collection.list()
  await collection.close()
  return model?.heldBytes
}
