import { NetworkNode } from './network.ts'
import { bytesPerMs, wireBytesPerMs } from './scenario.ts'
import { ShapedNode } from './shaped-node.ts'
import type { SimNode } from './network.ts'
import type { Scenario } from './scenario.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** A machine with so many Mbit/s, on the network of the scenario. */
export function simNode (clock: VirtualClock, { up, down }: { up: number, down: number }, scenario: Scenario): SimNode {
  return scenario.network === 'shaped'
    ? new ShapedNode(clock, { upBytesPerMs: wireBytesPerMs(up), downBytesPerMs: wireBytesPerMs(down) })
    : new NetworkNode(clock, { upBytesPerMs: bytesPerMs(up), downBytesPerMs: bytesPerMs(down) }, scenario.chunkBytes)
}
