import { CID } from 'multiformats/cid'
import { ModelswarmError } from '../../src/errors.ts'
import { run } from '../../src/cli/program.ts'
import type { Collection, Node, NodeOptions } from '../../src/api.ts'
import type { CliParts } from '../../src/cli/parts.ts'

export const ROOT = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
export const PEER = '12D3KooWFakePeer'
export const LINK = `modelswarm:${ROOT}`

/** A node that does what a test says, and is strict about being stopped. */
export function fakeNode (own: Partial<Node> = {}): Node & { stops: number } {
  const node = {
    peerId: '12D3KooWOurs',
    addrs: ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWOurs'],
    sentBytes: 0,
    stops: 0,
    publish: async () => ({ root: ROOT, link: LINK, bytes: 2048, blocks: 2, files: [{ path: 'a.bin', bytes: 2048 }] }),
    pull: async () => { throw new Error('no pull in this test') },
    linger: async () => {},
    swarm: () => undefined,
    inspect: async () => { throw new Error('no inspect in this test') },
    stop: async () => { node.stops++ },
    ...own
  }
  return node
}

export function fakeCollection (own: Partial<Collection> = {}): Collection & { closes: number } {
  const collection = {
    closes: 0,
    list: async () => [],
    inspect: async (what: string) => { throw new ModelswarmError('ERR_UNKNOWN_ROOT', `Nothing is known of ${what}`) },
    verify: async (what: string) => ({ root: what, copies: 1, bytes: 10, goodBytes: 10, bad: [], isPart: false }),
    forget: async () => {},
    close: async () => { collection.closes++ },
    ...own
  }
  return collection
}

export interface CliRun {
  code: number
  stdout: string
  stderr: string
  /** Standard output read as JSON lines. */
  events: Array<Record<string, unknown>>
  /** What createNode was called with. */
  nodeOptions: NodeOptions[]
  /** Whether openCollection was to make the state folder, each time. */
  made: Array<boolean | undefined>
}

export interface FakeCliOptions {
  node?: Node
  collection?: Collection
  controller?: AbortController
  createNode?: CliParts['createNode']
  checkPublishable?: CliParts['checkPublishable']
  env?: Record<string, string>
}

/** Runs a command line against fakes. */
export async function runCli (args: string[], options: FakeCliOptions = {}): Promise<CliRun> {
  let stdout = ''
  let stderr = ''
  const nodeOptions: NodeOptions[] = []
  const made: CliRun['made'] = []
  const code = await run(args, {
    createNode: async given => {
      nodeOptions.push(given)
      if (options.createNode !== undefined) return await options.createNode(given)
      return options.node ?? fakeNode()
    },
    checkPublishable: options.checkPublishable ?? (async () => {}),
    openCollection: async ({ create }) => {
      made.push(create)
      return options.collection ?? fakeCollection()
    },
    parseLink: text => {
      if (!text.startsWith('modelswarm:') && !text.startsWith('baf')) {
        throw new ModelswarmError('ERR_BAD_LINK', `This is no link: ${text}`)
      }
      return { root: CID.parse(ROOT), peers: [{ id: PEER, addrs: [] }] }
    },
    stdout: { write: text => { stdout += text } },
    stderr: { write: text => { stderr += text } },
    env: { XDG_STATE_HOME: '/state', ...options.env },
    signal: (options.controller ?? new AbortController()).signal,
    version: '9.8.7'
  })
  const events: CliRun['events'] = []
  for (const line of stdout.split('\n')) {
    if (line.startsWith('{')) events.push(JSON.parse(line))
  }
  return { code, stdout, stderr, events, nodeOptions, made }
}
