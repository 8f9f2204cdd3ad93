// Some nodes that stay, or come and go, in one process that counts what they take.
import { join } from 'node:path'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { countResources } from '../soak/resources.ts'
import { churn } from '../soak/churn.ts'
import { createNode } from '../../src/index.ts'
import { Random } from '../random.ts'
import { answer } from './answer.ts'
import type { Churned } from '../soak/churn.ts'
import type { Resources } from '../soak/resources.ts'
import type { Node } from '../../src/index.ts'

const staying: Node[] = []
let comingAndGoing: Array<Promise<Churned>> = []
const leave = new AbortController()
let dir = ''
let before: Resources | undefined

/** After stop() what a closed socket or a collected signal leaves behind is gone within this time. */
const SETTLE_MS = 30_000
const LOOK_MS = 500

answer({
  start: async asked => {
    dir = asked.text('dir')
    before = countResources(dir)
    return { ...before }
  },
  /** A node that publishes and stays. */
  publish: async asked => {
    const node = await createNode({ dir: join(dir, `staying-${staying.length}`), listen: ['/ip4/127.0.0.1/tcp/0'] })
    staying.push(node)
    return { link: (await node.publish(asked.text('path'))).link }
  },
  churn: async asked => {
    const links = asked.text('links').split('\n')
    comingAndGoing = Array.from({ length: asked.number('nodes') }, async (_, i) => await churn({
      dir: join(dir, `node-${i}`), links, random: new Random(asked.number('seed'), i), signal: leave.signal
    }))
    return {}
  },
  sample: async () => ({ ...countResources(dir) }),
  /** Stops every node; `left` names what was not there before the first one. */
  stop: async () => {
    leave.abort(new Error('The soak is over'))
    const churned = await Promise.all(comingAndGoing)
    for (const node of staying) await node.stop()
    const sum = (key: 'lives' | 'pulls' | 'aborted'): number => churned.reduce((total, one) => total + one[key], 0)
    return {
      lives: sum('lives'),
      pulls: sum('pulls'),
      aborted: sum('aborted'),
      failures: churned.flatMap(one => one.failures).join('; '),
      left: await whatIsLeft()
    }
  }
})

async function whatIsLeft (): Promise<string> {
  const endMs = performance.now() + SETTLE_MS
  for (;;) {
    const left = moreThan(before)
    if (left === '' || performance.now() > endMs) return left
    await sleep(LOOK_MS)
    // Our own timer is gone one turn later.
    await turn()
  }
}

function moreThan (baseline: Resources | undefined): string {
  if (baseline === undefined) return ''
  const now = countResources(dir)
  const kinds = ['files', 'sockets', 'maps', 'handles', 'timers'] as const
  return kinds.flatMap(kind => now[kind] > baseline[kind] ? [`${now[kind] - baseline[kind]} ${kind}`] : []).join(', ')
}
