import { seededRandom } from '../virtual-clock.ts'
import { makeModel } from './model.ts'
import { planRun } from './plan.ts'
import { World } from './world.ts'
import type { Breaks } from './breaks.ts'
import type { Trace } from './trace.ts'

/** Runs one seed; what was done and what was found is in the trace. Runs with breaks must not overlap others. */
export async function runSeed (seed: number, options: { breaks?: Breaks, isTraced?: boolean } = {}): Promise<Trace> {
  const { breaks = {}, isTraced = false } = options
  const random = seededRandom(seed)
  const plan = planRun(seed, random)
  const model = await makeModel(plan.shape, random)
  const mend = breaks.patch?.()
  try {
    const world = new World(plan, { model, breaks, isTraced })
    await world.run()
    return world.trace
  } finally {
    mend?.()
  }
}
