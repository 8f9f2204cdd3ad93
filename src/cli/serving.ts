import { swarmLine } from './lines.ts'
import { formatBytes } from './units.ts'
import type { NetworkOptions } from './options.ts'
import type { Output } from './output.ts'
import type { Live } from './progress.ts'
import type { Node, NodeOptions } from '../index.ts'

/** How often the state of a swarm is looked at. */
const STATUS_INTERVAL_MS = 500

export interface ServedModel {
  root: string
  /** What the line begins with where several models are served. */
  label?: string
}

/** Options of the command line as createNode takes them; `onNote` and `signal` are the command's. */
export function nodeOptions (
  options: NetworkOptions, own: Pick<NodeOptions, 'onNote' | 'signal' | 'avoidPeerIds'>
): NodeOptions {
  return {
    dir: options.state,
    mdns: options.mdns,
    ...options.listen === undefined ? {} : { listen: options.listen },
    ...options.announce === undefined ? {} : { announce: options.announce },
    ...own
  }
}

/** Shows how the swarm of each model comes along until the signal. */
export async function serveUntil (
  signal: AbortSignal, { node, models, live }: { node: Node, models: readonly ServedModel[], live: Live }
): Promise<void> {
  const stopShowing = showSwarms(node, models, live)
  try {
    await aborted(signal)
  } finally {
    stopShowing()
  }
}

/** Shows how the swarm of each model comes along until the function it returns is called. */
export function showSwarms (node: Node, models: readonly ServedModel[], live: Live): () => void {
  const hadPeers = new Set<string>()
  const showAll = (): void => {
    for (const { root, label } of models) {
      const state = node.swarm(root)
      if (state === undefined) continue
      if (state.peers > 0 || state.sentBytes > 0) hadPeers.add(root)
      live.show(root, columns => {
        const before = label === undefined ? '' : `${label}: `
        const room = columns === undefined ? undefined : columns - before.length
        return before + swarmLine(state, room, hadPeers.has(root))
      })
    }
  }
  showAll()
  const timer = setInterval(showAll, STATUS_INTERVAL_MS)
  return () => {
    clearInterval(timer)
    live.clear()
  }
}

/** True when every address is one that only this machine can reach. */
export function isOnlyLoopback (addrs: readonly string[]): boolean {
  return addrs.length > 0 && addrs.every(addr => /^\/(ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/.test(addr))
}

/** Resolves when the signal is aborted, never throws. The caller keeps the process alive meanwhile. */
async function aborted (signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>(resolve => {
    signal.addEventListener('abort', () => { resolve() }, { once: true })
  })
}

/**
 * What was sent in all: for programs always the last line; for people only if anything was, or `evenNothing` is to be
 * said, so that what a pull says of its end stands last.
 */
export function sayStopped (output: Output, node: Node | undefined, { evenNothing }: { evenNothing: boolean }): void {
  const sentBytes = node?.sentBytes ?? 0
  output.event('stopped', { sentBytes })
  if (evenNothing || sentBytes > 0) output.line(`stopped: sent ${formatBytes(sentBytes)} to other peers`)
}
