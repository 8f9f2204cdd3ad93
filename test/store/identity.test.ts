import { randomBytes } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { takeIdentity } from '../../src/store/identity.ts'
import { tempFolder } from '../files/temp-folder.ts'
import type { Machine } from '../../src/store/machine.ts'

const parts = {
  generateKey: async () => randomBytes(16),
  peerIdOf: (key: Uint8Array) => {
    if (key.byteLength !== 16) throw new Error('no key')
    return Buffer.from(key).toString('hex')
  },
  machine: { id: 'this', hardware: ['card', 'board'] }
}

describe('takeIdentity', () => {
  it('gives the same key and port again once it was released', async () => {
    const dir = await tempFolder()
    const first = await takeIdentity(dir, parts)
    expect(first.port).toBeUndefined()
    await first.savePort(4001)
    await first.release()
    await first.release()
    const again = await takeIdentity(dir, parts)
    expect(again).toMatchObject({ slot: 0, peerId: first.peerId, port: 4001 })
    expect((await stat(join(dir, 'identities/0/key'))).mode & 0o777).toBe(0o600)
    await again.release()
  })

  it('gives each of several at once another', async () => {
    const dir = await tempFolder()
    const taken = await Promise.all(Array.from({ length: 4 }, async () => await takeIdentity(dir, parts)))
    expect(new Set(taken.map(one => one.peerId)).size).toBe(4)
    for (const one of taken) await one.release()
    expect((await takeIdentity(dir, parts)).slot).toBe(0)
  })

  it('passes over peer ids to avoid and lets go of their slots', async () => {
    const dir = await tempFolder()
    const first = await takeIdentity(dir, parts)
    await first.release()
    const second = await takeIdentity(dir, { ...parts, avoidPeerIds: [first.peerId] })
    expect(second.slot).toBe(1)
    const third = await takeIdentity(dir, parts)
    expect(third.peerId).toBe(first.peerId)
    for (const one of [second, third]) await one.release()
  })

  it.each<[string, Machine]>([
    ['without its machine id', { id: 'other', hardware: ['card', 'board'] }],
    ['with its machine id, into other hardware', { id: 'this', hardware: ['other card', 'other board'] }]
  ])('sets a key aside that came with a copied disk %s, and says so', async (_how, machine) => {
    const dir = await tempFolder()
    const first = await takeIdentity(dir, parts)
    await first.savePort(4001)
    await first.release()
    const notes: string[] = []
    const other = await takeIdentity(dir, { ...parts, machine, onNote: note => notes.push(note) })
    expect(other.peerId).not.toBe(first.peerId)
    expect(other.port).toBeUndefined()
    expect(notes).toHaveLength(1)
    const aside = (await readdir(join(dir, 'identities/0'))).find(name => name.startsWith('key.other-machine-')) ?? 'none'
    expect(Buffer.from(await readFile(join(dir, 'identities/0', aside))).toString('hex')).toBe(first.peerId)
    await other.release()
    const again = await takeIdentity(dir, { ...parts, machine, onNote: note => notes.push(note) })
    expect(again.peerId).toBe(other.peerId)
    expect(notes).toHaveLength(1)
    await again.release()
  })

  it.each<[string, string[][]]>([
    ['a card is added, then the old ones go', [['card', 'board', 'new'], ['new']]],
    ['a dock comes and goes', [['card'], ['card', 'dock'], ['card']]],
    ['no hardware can be seen for a while', [[], ['board']]]
  ])('keeps the key when %s', async (_when, seen) => {
    const dir = await tempFolder()
    const first = await takeIdentity(dir, parts)
    await first.release()
    for (const hardware of seen) {
      const again = await takeIdentity(dir, { ...parts, machine: { id: 'this', hardware } })
      expect(again.peerId).toBe(first.peerId)
      await again.release()
    }
  })

  it('remembers hardware that is out of sight for a while', async () => {
    const dir = await tempFolder()
    const first = await takeIdentity(dir, parts)
    await first.release()
    await (await takeIdentity(dir, { ...parts, machine: { id: 'this', hardware: [] } })).release()
    const clone = await takeIdentity(dir, { ...parts, machine: { id: 'this', hardware: ['other card'] } })
    expect(clone.peerId).not.toBe(first.peerId)
    await clone.release()
  })

  it('records the hardware in a folder that knows the machine id alone, and keeps its key', async () => {
    const dir = await tempFolder()
    const first = await takeIdentity(dir, parts)
    await first.release()
    const path = join(dir, 'identities/0/machine')
    await writeFile(path, 'this')
    const again = await takeIdentity(dir, parts)
    expect(again.peerId).toBe(first.peerId)
    await again.release()
    expect(await readFile(path, 'utf8')).toBe('this\ncard\nboard')
  })

  it('heals an unreadable key', async () => {
    const dir = await tempFolder()
    await (await takeIdentity(dir, parts)).release()
    await writeFile(join(dir, 'identities/0/key'), '')
    const notes: string[] = []
    const identity = await takeIdentity(dir, { ...parts, onNote: note => notes.push(note) })
    expect(identity.peerId).toHaveLength(32)
    expect(notes).toHaveLength(1)
    await identity.release()
  })
})
