import { readFileSync } from 'node:fs'
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

/** Clock ticks of Linux a second, as /proc counts them. */
const TICKS_PER_SEC = 100

/** CPU seconds that all processes of this machine have used since it started; undefined where nothing tells. */
export function busySeconds (): number | undefined {
  if (process.platform !== 'linux') return undefined
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] =
    readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]?.trim().split(/\s+/).slice(1).map(Number) ?? []
  return (user + nice + system + irq + softirq) / TICKS_PER_SEC
}
