// A node that ends itself by SIGKILL at a point it was told of, and keeps count of what it received in a file, which
// outlives it.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { createNode } from '../../src/index.ts'
import { OpenTarget } from '../../src/files/open-target.ts'
import { PartFiles } from '../../src/files/part-files.ts'
import { PullRecord } from '../../src/pull/record.ts'
import { Held } from '../../src/store/held.ts'
import { Models } from '../../src/store/models.ts'
import { Places } from '../../src/store/places.ts'
import { TreeNodes } from '../../src/store/tree-nodes.ts'
import { FrameReader } from '../../src/wire/frame-reader.ts'
import { answer } from './answer.ts'
import type { Node } from '../../src/index.ts'

let node: Node | undefined
let armed: { point: string, left: number, delayMs: number } | undefined
let killing: NodeJS.Timeout | undefined
let ledger: number | undefined
const counts = new Float64Array([0, 0, 0])

function reached (point: string): void {
  if (armed?.point !== point || --armed.left > 0) return
  const kill = (): void => { process.kill(process.pid, 'SIGKILL') }
  if (armed.delayMs === 0) kill()
  else killing = setTimeout(kill, armed.delayMs)
  armed = undefined
}

/** Calls `before` with the arguments of every call of a method, and `after` with its owner once it has resolved. */
function around (owner: object, method: string, { before, after }: {
  before?: (args: unknown[]) => void, after?: (self: unknown) => void
}): void {
  const original: unknown = Reflect.get(owner, method)
  if (typeof original !== 'function') throw new Error(`There is no ${method}`)
  Reflect.set(owner, method, function (this: unknown, ...args: unknown[]): unknown {
    before?.(args)
    const result: unknown = Reflect.apply(original, this, args)
    if (after === undefined || !(result instanceof Promise)) return result
    return result.then((value: unknown) => {
      after(this)
      return value
    })
  })
}

const POINTS: ReadonlyArray<[point: string, owner: object, method: string]> = [
  ['nodes', TreeNodes.prototype, 'putNodes'],
  ['index', Places.prototype, 'addBlocks'],
  ['indexed', Places.prototype, 'completeFile'],
  ['model', Models.prototype, 'put'],
  ['write', PartFiles.prototype, 'write'],
  ['sync', PartFiles.prototype, 'sync'],
  ['rename', fs.promises, 'rename'],
  ['renamed', PartFiles.prototype, 'drop'],
  ['record', Held.prototype, 'record'],
  ['checkpoint', Held.prototype, 'checkpoint'],
  ['close', OpenTarget.prototype, 'close']
]
for (const [point, owner, method] of POINTS) around(owner, method, { before: () => { reached(point) } })
// so that `import { rename }` of other files means the one above
syncBuiltinESMExports()

around(FrameReader.prototype, 'push', {
  before: ([chunk]) => {
    counts[0] = (counts[0] ?? 0) + (chunk instanceof Uint8Array ? chunk.byteLength : 0)
    if (ledger !== undefined) fs.writeSync(ledger, counts, 0, counts.byteLength, 0)
  }
})
around(OpenTarget.prototype, 'verifyExisting', {
  after: target => {
    counts[1] = (counts[1] ?? 0) + (target instanceof OpenTarget ? target.heldBytes : 0)
    counts[2] = (counts[2] ?? 0) + 1
    if (ledger !== undefined) fs.writeSync(ledger, counts, 0, counts.byteLength, 0)
  }
})

function started (): Node {
  if (node === undefined) throw new Error('The node was not started')
  return node
}

answer({
  start: async asked => {
    const path = asked.text('ledger')
    if (path !== '') ledger = fs.openSync(path, 'w')
    node = await createNode({ dir: asked.text('state'), listen: ['/ip4/127.0.0.1/tcp/0'], open: 'always' })
    return { addr: node.addrs[0] ?? '' }
  },
  /** Ends the process when it comes to a point for the `nth` time: before it, or so many milliseconds into it. */
  arm: async asked => {
    armed = { point: asked.text('point'), left: asked.number('nth'), delayMs: asked.number('delayMs') }
    return {}
  },
  disarm: async () => {
    armed = undefined
    clearTimeout(killing)
    return {}
  },
  /** Every block counts for so many in what is recorded when: a checkpoint comes every GiB else. */
  hurry: async asked => {
    const times = asked.number('times')
    around(PullRecord.prototype, 'onStored', {
      before: args => { if (typeof args[0] === 'number') args[0] *= times }
    })
    return {}
  },
  publish: async asked => {
    const { link, root, bytes } = await started().publish(asked.text('path'))
    return { link, root, bytes }
  },
  pull: async asked => {
    const { bytes, held } = await started().pull(asked.text('link'), asked.text('out'), { giveUpSeconds: 120 })
    return { bytes, held }
  },
  stop: async () => {
    await started().stop()
    return {}
  }
})
