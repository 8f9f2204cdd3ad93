// Wrong arguments of the library: one clear sentence at the door, before any work.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createNode, openCollection } from '../../src/index.ts'
import { addrOf, eventually, forgotten, startNode, target, writeFiles } from './nodes.ts'
import type { Node } from '../../src/index.ts'

const ROOT = 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi'

/** Calls as a program without types would. */
async function call (target: object, name: string, ...args: unknown[]): Promise<unknown> {
  const method: unknown = Reflect.get(target, name)
  if (typeof method !== 'function') throw new Error(`No ${name}`)
  return await method.apply(target, args)
}

describe('createNode', () => {
  it.each<[unknown, RegExp]>([
    [undefined, /^createNode: options is an object; got undefined$/],
    [null, /^createNode: options is an object; got null$/],
    ['x', /^createNode: options is an object; got "x"$/],
    [{}, /^createNode: dir is the path of the state folder; got undefined$/],
    [{ dir: '/nowhere', libp2p: {} }, /^createNode: libp2p is a libp2p node; got an object$/],
    [{ dir: '/nowhere', libp2p: 5 }, /^createNode: libp2p is a libp2p node; got 5$/],
    [{ dir: '/nowhere', signal: {} }, /^createNode: signal is an AbortSignal; got an object$/],
    [{ dir: '/nowhere', onNote: 'log' }, /^createNode: onNote is a function; got "log"$/],
    [{ dir: '/nowhere', mdns: 1 }, /^createNode: mdns is true or false; got 1$/],
    [{ dir: '/nowhere', listen: '/ip4/127.0.0.1/tcp/0' }, /^createNode: listen is an array of texts; /]
  ])('refuses %j by a TypeError that names the option', async (options, message) => {
    const err: unknown = await call({ createNode }, 'createNode', options).catch((thrown: unknown) => thrown)
    expect(err).toBeInstanceOf(TypeError)
    expect(err).toMatchObject({ message: expect.stringMatching(message) })
  })
})

describe('a node', () => {
  it.each<[keyof Node, unknown[], RegExp]>([
    ['publish', [5], /^publish: path is a text; got 5$/],
    ['publish', [new URL('file:///tmp')], /^publish: path is a text; got an object$/],
    ['publish', ['x', { onProgress: 1 }], /^publish: onProgress is a function; got 1$/],
    ['pull', [], /^pull: link is a text; got undefined$/],
    ['pull', [5], /^pull: link is a text; got 5$/],
    ['pull', [ROOT], /^pull: dir is a text; got undefined$/],
    ['pull', [ROOT, 'x', { force: 'yes' }], /^pull: force is true or false; got "yes"$/],
    ['pull', [ROOT, 'x', { signal: 5 }], /^pull: signal is an AbortSignal; got 5$/],
    ['pull', [ROOT, 'x', { onProgress: {} }], /^pull: onProgress is a function; got an object$/],
    ['pull', [ROOT, 'x', { peers: 'x' }], /^pull: peers is an array of texts; got "x"$/],
    ['pull', [ROOT, 'x', null], /^pull: options is an object; got null$/],
    ['inspect', [ROOT, { tensors: 1 }], /^inspect: tensors is true or false; got 1$/],
    ['linger', [ROOT], /^linger: options is an object; got undefined$/],
    ['linger', [ROOT, {}], /^linger: seconds is missing; /]
  ])('refuses %s(%j) by a TypeError that names the option', async (name, args, message) => {
    const node = await startNode()
    const err: unknown = await call(node, name, ...args).catch((thrown: unknown) => thrown)
    expect(err).toBeInstanceOf(TypeError)
    expect(err).toMatchObject({ message: expect.stringMatching(message) })
  })

  it('takes no time to give up in which nothing can come', async () => {
    const node = await startNode()
    for (const giveUpSeconds of [0, -1, NaN, Infinity]) {
      await expect(node.pull(ROOT, 'x', { giveUpSeconds })).rejects.toThrow(/^pull: giveUpSeconds is .* more than 0; got/)
      await expect(node.inspect(ROOT, { giveUpSeconds })).rejects.toThrow(RangeError)
    }
    await node.linger(ROOT, { seconds: 0 })
  })

  it('listens with TCP alone, and says so', async () => {
    for (const addr of ['/ip4/127.0.0.1/udp/1/quic-v1', '/ip4/127.0.0.1/tcp/0/ws']) {
      await expect(startNode({ listen: [addr] })).rejects.toMatchObject({
        code: 'ERR_LISTEN', message: `Cannot listen on ${addr}: only TCP is spoken here; give one like /ip4/0.0.0.0/tcp/4001`
      })
    }
  })

  it('takes no empty path for the current folder', async () => {
    const node = await startNode()
    await expect(node.publish('')).rejects.toMatchObject({ code: 'ERR_BAD_OPTION' })
    await expect(node.pull(ROOT, '')).rejects.toMatchObject({ code: 'ERR_BAD_OPTION' })
    await expect(node.inspect('')).rejects.toMatchObject({ code: 'ERR_BAD_OPTION' })
  })

  it('checks addresses of peers and globs before any work', async () => {
    const node = await startNode()
    for (const peers of [['127.0.0.1:4001'], ['x']]) {
      await expect(node.pull(ROOT, await target(), { peers })).rejects.toMatchObject({ code: 'ERR_BAD_OPTION' })
      await expect(node.inspect(ROOT, { peers })).rejects.toMatchObject({ code: 'ERR_BAD_OPTION' })
    }
    for (const include of [['['], [''], ['a{b'], ['[z-a]']]) {
      await expect(node.pull(ROOT, await target(), { include })).rejects.toMatchObject({ code: 'ERR_BAD_OPTION' })
    }
  })

  it('stops cleanly after a file was deleted while it was shared', async () => {
    const dir = await writeFiles({ 'w.bin': new Uint8Array(100_000), 'x.bin': new Uint8Array(50_000).fill(1) })
    const notes: string[] = []
    const node = await startNode({ onNote: note => { notes.push(note) } })
    const model = await node.publish(dir)
    await rm(join(dir, 'w.bin'))
    await forgotten()
    const puller = await startNode()
    const pulling = puller.pull(model.root, await target(), { peers: [addrOf(node)], giveUpSeconds: 2 })
    await expect(pulling).rejects.toMatchObject({ code: 'ERR_GAVE_UP' })
    await eventually(() => notes.length > 0, 'the publisher says that its file is gone')
    expect(notes.filter(note => note.includes('w.bin'))).toHaveLength(1)
    await node.stop()
  })
})

describe('openCollection', () => {
  it('refuses what is no folder\'s path', async () => {
    await expect(call({ openCollection }, 'openCollection')).rejects.toThrow(/^openCollection: options is an object/)
    await expect(openCollection({ dir: '' })).rejects.toThrow(/^openCollection: dir is the path of the state folder/)
  })
})
