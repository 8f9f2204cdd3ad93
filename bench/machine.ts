import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { GIB } from './bench.ts'
import type { Values } from './bench.ts'

/** What a figure depends on beside our code; taken before the first bench. */
export function machineFacts (): Values {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / GIB),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    loadBefore: load()
  }
}

/** Processes that wanted a core, averaged over the last minute: above a half, others disturb the figures. */
export function load (): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100
}
