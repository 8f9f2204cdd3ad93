import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createNode } from '../../src/index.ts'
import type { Random } from '../random.ts'

export interface ChurnParts {
  /** Its state folder and targets. */
  readonly dir: string
  readonly links: readonly string[]
  readonly random: Random
  readonly signal: AbortSignal
}

/** What a node that comes and goes has done. */
export interface Churned {
  lives: number
  pulls: number
  /** Pulls given up on purpose. */
  aborted: number
  failures: string[]
}

/**
 * Comes, pulls one model or several at once, stays for a while, leaves, deletes what it pulled and now and then who it
 * was; again and again until the signal.
 */
export async function churn ({ dir, links, random, signal }: ChurnParts): Promise<Churned> {
  const churned: Churned = { lives: 0, pulls: 0, aborted: 0, failures: [] }
  const state = join(dir, 'state')
  const pause = async (least: number, most: number): Promise<void> => {
    await sleep(random.between(least, most), undefined, { signal }).catch(() => {})
  }
  while (!signal.aborted) {
    const node = await createNode({ dir: state, listen: ['/ip4/127.0.0.1/tcp/0'] })
    const leave = new AbortController()
    const isHasty = random.chance(0.3)
    const wanted = links.filter(() => random.chance(0.5))
    const pulls = wanted.map(async (link, i) => {
      try {
        await node.pull(link, join(dir, `out-${i}`), { signal: AbortSignal.any([signal, leave.signal]) })
        churned.pulls++
      } catch (err) {
        if (signal.aborted || leave.signal.aborted) churned.aborted++
        else churned.failures.push(err instanceof Error ? err.message : 'pull failed')
      }
    })
    if (isHasty) {
      await pause(0, 600)
      // Half of them leave by stop() alone.
      if (random.chance(0.5)) leave.abort(new Error('Enough'))
      else {
        const stopping = node.stop()
        leave.abort(new Error('Stopped'))
        await stopping
      }
    }
    await Promise.all(pulls)
    await pause(300, 3000)
    await node.stop()
    churned.lives++
    for (const [i] of wanted.entries()) await rm(join(dir, `out-${i}`), { recursive: true, force: true })
    if (random.chance(0.2)) await rm(state, { recursive: true, force: true })
    await pause(100, 2000)
  }
  return churned
}
