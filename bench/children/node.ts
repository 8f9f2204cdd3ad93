// A modelswarm node, used as an application would.
import { createNode } from '../../src/index.ts'
import { useDoors } from '../network/doors.ts'
import { encodeTrace } from '../network/phases.ts'
import { answer } from './answer.ts'
import type { Node } from '../../src/index.ts'

let node: Node | undefined

function started (): Node {
  if (node === undefined) throw new Error('The node was not started')
  return node
}

answer({
  start: async asked => {
    node = await createNode({ dir: asked.text('state'), listen: ['/ip4/127.0.0.1/tcp/0'] })
    return { addr: started().addrs[0] ?? '', peerId: node.peerId, upSeconds: process.uptime() }
  },
  /** `doors`: pairs of a port and the door that leads to it, as `4001:5001,4002:5002`. */
  doors: async asked => {
    useDoors(new Map(asked.text('doors').split(',').map(pair => {
      const [port, door] = pair.split(':').map(Number)
      return [port ?? NaN, door ?? NaN]
    })))
    return {}
  },
  publish: async asked => {
    const start = performance.now()
    const { link, root, bytes, blocks } = await started().publish(asked.text('path'))
    return { link, root, bytes, blocks, seconds: (performance.now() - start) / 1000 }
  },
  /** From the call to its result: dial, tree, blocks, verified, written, renamed, indexed. */
  pull: async asked => {
    const start = performance.now()
    const trace: Array<[number, number]> = [[0, 0]]
    const { bytes, from } = await started().pull(asked.text('link'), asked.text('out'), {
      onProgress: event => { if (event.type === 'progress') trace.push([performance.now() - start, event.bytes]) }
    })
    const ms = performance.now() - start
    return { bytes, fromPeers: from.peers, seconds: ms / 1000, trace: encodeTrace([...trace, [ms, bytes]]) }
  },
  /** Payload handed to sockets so far. */
  sent: async () => ({ sentBytes: started().sentBytes }),
  /** What lies in memory once garbage is collected, where `--expose-gc` allows it. */
  memory: async () => {
    globalThis.gc?.()
    return { rssBytes: process.memoryUsage.rss() }
  },
  stop: async () => {
    await started().stop()
    return {}
  }
})
