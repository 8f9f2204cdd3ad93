import { describe, expect, it } from 'vitest'
import { ModelswarmError } from '../../src/errors.ts'
import { fakeNode, LINK, PEER, ROOT, runCli } from './fakes.ts'
import type { Node, PulledModel, PullOptions } from '../../src/api.ts'

const from = { peers: 90, origins: 0, local: 0 }
const pulled: PulledModel = {
  root: ROOT, bytes: 100, seconds: 1.5, held: 10, from, fromPublisher: 40, wireBytes: 95, dir: 'out', files: [{ path: 'a', bytes: 100 }]
}

/** Pulls as a node does, and keeps what it was asked. */
function pullingNode (own: Partial<Node> = {}): Node & { stops: number, asked: PullOptions[] } {
  const asked: PullOptions[] = []
  const node = fakeNode({
    sentBytes: 7,
    pull: async (_link, _dir, options = {}) => {
      asked.push(options)
      options.onProgress?.({ type: 'started', root: ROOT, addrs: node.addrs })
      options.onProgress?.({ type: 'resolved', root: ROOT, files: 1, bytes: 100, blocks: 2, wantedFiles: 1, wantedBytes: 100 })
      options.onProgress?.({
        type: 'progress',
        root: ROOT,
        bytes: 50,
        total: 100,
        peers: 2,
        seeders: 1,
        from,
        fromPublisher: 40,
        rateInBytesPerSec: 10,
        rateOutBytesPerSec: 0,
        secondsLeft: undefined
      })
      options.onProgress?.({ type: 'done', ...pulled })
      return pulled
    },
    ...own
  })
  return Object.assign(node, { asked })
}

describe('modelswarm pull --json', () => {
  it('prints started, progress, done, stopped with the fields of the contract', async () => {
    const { code, events, stderr, stdout } = await runCli(['pull', LINK, '--out', 'out', '--json'], { node: pullingNode() })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(events.map(({ event }) => event)).toEqual(['started', 'resolved', 'progress', 'done', 'stopped'])
    expect(events[0]).toEqual({ event: 'started', root: ROOT, addrs: ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWOurs'] })
    expect(events[2]).toMatchObject({ event: 'progress', bytes: 50, total: 100, peers: 2, fromPublisher: 40 })
    expect(events[3]).toMatchObject({ event: 'done', root: ROOT, bytes: 100, seconds: 1.5, held: 10, from, wireBytes: 95 })
    expect(events[4]).toEqual({ event: 'stopped', sentBytes: 7 })
    expect(stdout.trim().split('\n')).toHaveLength(5)
  })

  it('passes its options on, and avoids the identities that the link names', async () => {
    const node = pullingNode()
    const { nodeOptions } = await runCli([
      'pull', LINK, '--out', 'out', '--json', '--peer', '/ip4/127.0.0.1/tcp/1', '--peer', '/ip4/127.0.0.1/tcp/2',
      '--include', '*.json', '--include', '*.safetensors', '--give-up', '2.5', '--force'
    ], { node })
    expect(nodeOptions[0]?.avoidPeerIds).toEqual([PEER])
    expect(node.asked[0]).toMatchObject({
      peers: ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2'], include: ['*.json', '*.safetensors'], giveUpSeconds: 2.5, force: true
    })
  })

  it.each([[[], 30], [['--linger', '3'], 3], [['--linger', '0'], undefined]])('lingers with %j for %s seconds', async (args, seconds) => {
    let lingered: number | undefined
    const node = pullingNode({ linger: async (_root, options) => { lingered = options.seconds } })
    await runCli(['pull', LINK, '--out', 'out', '--json', ...args], { node })
    expect(lingered).toBe(seconds)
  })

  it('with --seed serves until the signal and exits 0', async () => {
    const controller = new AbortController()
    const node = pullingNode({ linger: async () => { throw new Error('a seeder does not linger') } })
    const running = runCli(['pull', LINK, '--out', 'out', '--json', '--seed'], { node, controller })
    setImmediate(() => { controller.abort() })
    const { code, events } = await running
    expect(code).toBe(0)
    expect(events.at(-1)).toEqual({ event: 'stopped', sentBytes: 7 })
  })

  it('a signal while it lingers is a clean end', async () => {
    const controller = new AbortController()
    const node = pullingNode({
      linger: async () => {
        controller.abort()
        controller.signal.throwIfAborted()
      }
    })
    expect(await runCli(['pull', LINK, '--out', 'out', '--json'], { node, controller })).toMatchObject({ code: 0, stderr: '' })
  })

  it('a signal before it is done stops cleanly and says how to go on', async () => {
    const controller = new AbortController()
    const node = pullingNode({
      pull: async () => {
        controller.abort()
        throw new ModelswarmError('ERR_STOPPED', 'Stopped')
      }
    })
    const { code, events, stderr } = await runCli(['pull', LINK, '--out', 'out', '--json'], { node, controller })
    expect({ code, stops: node.stops }).toEqual({ code: 1, stops: 1 })
    expect(events).toEqual([{ event: 'stopped', sentBytes: 7 }])
    expect(stderr).toBe('modelswarm: interrupted; run the same command to go on\n')
  })

  it('a link that is none fails before anything is started', async () => {
    const { code, stderr, stdout, nodeOptions } = await runCli(['pull', 'nonsense', '--out', 'out', '--json'])
    expect({ code, stdout, nodeOptions }).toEqual({ code: 1, stdout: '', nodeOptions: [] })
    expect(stderr).toBe('modelswarm: This is no link: nonsense\n')
  })

  it('a pull that fails after it started ends with stopped, exit code 1 and one line', async () => {
    const node = pullingNode({
      pull: async (_link, _dir, options) => {
        options?.onProgress?.({ type: 'started', root: ROOT, addrs: [] })
        throw new ModelswarmError('ERR_GAVE_UP', 'Nobody answered')
      }
    })
    const { code, events, stderr } = await runCli(['pull', LINK, '--out', 'out', '--json'], { node })
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'modelswarm: Nobody answered\n' })
    expect(events).toEqual([{ event: 'started', root: ROOT, addrs: [] }, { event: 'stopped', sentBytes: 7 }])
  })

  it('a failed pull is one line and no more events', async () => {
    const node = pullingNode({ pull: async () => { throw new ModelswarmError('ERR_GAVE_UP', 'Nobody answered') } })
    const { code, stderr, stdout } = await runCli(['pull', LINK, '--out', 'out', '--json'], { node })
    expect({ code, stderr, stdout, stops: node.stops }).toEqual({ code: 1, stderr: 'modelswarm: Nobody answered\n', stdout: '', stops: 1 })
  })
})

describe('modelswarm pull for people', () => {
  it('ends with where the bytes came from', async () => {
    const { stdout, stderr } = await runCli(['pull', LINK, '--out', 'out'], { node: pullingNode({ sentBytes: 0 }) })
    expect(stderr).toBe('')
    expect(stdout).toMatch(/done: 100 B in 1.5 s: 40 % from the publisher, 50 % from other peers, 10 % already here\n$/)
  })

  it('says at the end what was sent, if anything was', async () => {
    const { stdout } = await runCli(['pull', LINK, '--out', 'out'], { node: pullingNode() })
    expect(stdout).toMatch(/\ndone: [^\n]*\nstopped: sent 7 B to other peers\n$/)
  })

  it('says nothing with --quiet', async () => {
    expect(await runCli(['pull', LINK, '--out', 'out', '--quiet'], { node: pullingNode() }))
      .toMatchObject({ code: 0, stdout: '', stderr: '' })
  })
})
