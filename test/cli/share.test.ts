import { describe, expect, it } from 'vitest'
import { ModelswarmError } from '../../src/errors.ts'
import { fakeCollection, fakeNode, LINK, ROOT, runCli } from './fakes.ts'
import type { ModelSummary, PublishOptions } from '../../src/api.ts'

describe('modelswarm share --json', () => {
  it('prints ready for each path, serves until the signal, then prints stopped', async () => {
    const controller = new AbortController()
    const node = fakeNode({ sentBytes: 77 })
    const running = runCli(['share', 'a', 'b', '--json'], { node, controller })
    setImmediate(() => { controller.abort() })
    const { code, events, stderr, stdout } = await running
    expect({ code, stderr, stops: node.stops }).toEqual({ code: 0, stderr: '', stops: 1 })
    expect(events).toEqual([
      { event: 'ready', root: ROOT, link: LINK, bytes: 2048, blocks: 2, addrs: node.addrs, path: 'a' },
      { event: 'ready', root: ROOT, link: LINK, bytes: 2048, blocks: 2, addrs: node.addrs, path: 'b' },
      { event: 'stopped', sentBytes: 77 }
    ])
    expect(stdout.trim().split('\n')).toHaveLength(events.length)
  })

  it('ready is the first line even when there is a note before it', async () => {
    const controller = new AbortController()
    const node = fakeNode()
    const publish = node.publish
    node.publish = async (path: string, options?: PublishOptions) => {
      options?.onProgress?.({ type: 'note', message: 'Left out a socket' })
      return await publish(path)
    }
    const running = runCli(['share', 'a', '--json'], { node, controller })
    setImmediate(() => { controller.abort() })
    const { events } = await running
    expect(events.map(({ event }) => event)).toEqual(['ready', 'note', 'stopped'])
  })

  it('passes its options on', async () => {
    const controller = new AbortController()
    controller.abort()
    const { nodeOptions } = await runCli([
      'share', 'a', '--listen', '/ip4/127.0.0.1/tcp/1', '--listen', '/ip4/127.0.0.1/tcp/2', '--announce', '/dns4/a/tcp/1',
      '--no-mdns', '--state', '/s', '--json'
    ], { controller })
    expect(nodeOptions[0]).toMatchObject({
      dir: '/s', listen: ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2'], announce: ['/dns4/a/tcp/1'], mdns: false
    })
  })

  it('looks for peers on the local network and uses the XDG state folder by default', async () => {
    const controller = new AbortController()
    controller.abort()
    const { nodeOptions } = await runCli(['share', 'a'], { controller })
    expect(nodeOptions[0]).toMatchObject({ dir: '/state/modelswarm', mdns: true })
    expect(nodeOptions[0]).not.toHaveProperty('listen')
  })

  it('stopped while it still hashes is a clean end', async () => {
    const controller = new AbortController()
    const node = fakeNode({
      publish: async () => {
        controller.abort()
        throw new ModelswarmError('ERR_STOPPED', 'Stopped while publishing')
      }
    })
    expect(await runCli(['share', 'a', '--json'], { node, controller })).toMatchObject({
      code: 0, stderr: '', events: [{ event: 'stopped', sentBytes: 0 }]
    })
  })

  it('a path that fails ends it with exit code 1 and stops the node', async () => {
    const node = fakeNode({ publish: async () => { throw new ModelswarmError('ERR_PATH_NOT_FOUND', 'There is no x') } })
    expect(await runCli(['share', 'x', '--json'], { node })).toMatchObject({
      code: 1, stdout: '', stderr: 'modelswarm: There is no x\n'
    })
    expect(node.stops).toBe(1)
  })
})

describe('modelswarm share of several paths', () => {
  it('publishes none of them, and starts nothing, when one cannot be published', async () => {
    const checked: string[] = []
    const { code, stdout, stderr, nodeOptions } = await runCli(['share', 'good', 'bad'], {
      checkPublishable: async path => {
        checked.push(path)
        if (path === 'bad') throw new ModelswarmError('ERR_PATH_NOT_FOUND', 'There is no bad')
      }
    })
    expect({ code, stdout, stderr, nodeOptions }).toEqual({ code: 1, stdout: '', stderr: 'modelswarm: There is no bad\n', nodeOptions: [] })
    expect(checked).toEqual(['good', 'bad'])
  })
})

describe('modelswarm share for people', () => {
  it('shows the link on a line of its own and how to pull it', async () => {
    const controller = new AbortController()
    const running = runCli(['share', 'my model'], { controller })
    setImmediate(() => { controller.abort() })
    const { stdout, stderr } = await running
    const lines = stdout.split('\n')
    expect(stderr).toBe('')
    expect(lines).toContain(LINK)
    expect(lines).toContain(`modelswarm pull ${LINK} --out my-model`)
    expect(stdout).toContain('only this machine can reach it')
  })

  it('says that it serves what the state folder has from before, once a root and not what is gone', async () => {
    const controller = new AbortController()
    const had = (root: string, heldBytes = 1): ModelSummary => ({ root, name: 'm', path: '/m', bytes: 2, heldBytes, origin: 'pulled' })
    const unfinished = { ...had('z'), isUnfinished: true }
    const collection = fakeCollection({ list: async () => [had(ROOT), had('x'), had('x'), had('y'), had('gone', 0), unfinished] })
    const running = runCli(['share', 'a'], { controller, collection })
    setTimeout(() => { controller.abort() }, 0)
    expect((await running).stdout).toContain('also serving 2 more models that this state folder has')
    expect(collection.closes).toBe(1)
  })

  it('serves on when what the state folder has besides cannot be listed', async () => {
    const controller = new AbortController()
    const collection = fakeCollection({ list: async () => { throw new ModelswarmError('ERR_DISK', 'Cannot look at /gone: EIO') } })
    const running = runCli(['share', 'a'], { controller, collection })
    setTimeout(() => { controller.abort() }, 0)
    const { code, stdout } = await running
    expect(code).toBe(0)
    expect(stdout).toContain('what else this state folder has is not known: Cannot look at /gone: EIO')
  })

  it('shows nothing but the link with --quiet', async () => {
    const controller = new AbortController()
    const running = runCli(['share', 'a', '--quiet'], { controller })
    setImmediate(() => { controller.abort() })
    expect((await running).stdout).toBe(`${LINK}\n`)
  })
})
