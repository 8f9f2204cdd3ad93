import '../../src/polyfill.ts'
import { readFileSync } from 'node:fs'
import { resourceUsage } from 'node:process'

/** What the parent sends along with a question. */
export interface Asked {
  text: (key: string) => string
  number: (key: string) => number
}

export type Answer = Record<string, number | string>
export type Answers = Readonly<Record<string, (asked: Asked) => Promise<Answer>>>

const KIB = 1024

/**
 * The child's half of child.ts: answers questions until the parent lets go. Every child answers `mark` (CPU time counts
 * from here) and `usage` (CPU seconds of all threads since, peak resident bytes of the process so far).
 */
export function answer (answers: Answers): void {
  let cpu = process.cpuUsage()
  const all: Answers = {
    mark: async () => {
      cpu = process.cpuUsage()
      return {}
    },
    usage: async () => {
      const { user, system } = process.cpuUsage(cpu)
      return { cpuSeconds: (user + system) / 1e6, peakRssBytes: peakRssBytes() }
    },
    ...answers
  }
  process.on('message', (message: unknown) => {
    if (typeof message !== 'object' || message === null || !('id' in message) || !('question' in message)) return
    const { id } = message
    const act = all[String(message.question)]
    const values = 'values' in message ? message.values : undefined
    const replied = act === undefined ? Promise.reject(new Error('Unknown question')) : act(readerOf(values))
    replied.then(
      reply => process.send?.({ id, answer: reply }),
      (err: unknown) => process.send?.({ id, failure: err instanceof Error ? err.stack ?? err.message : 'failed' })
    )
  })
  // a parent that was killed leaves nobody behind
  process.on('disconnect', () => { process.exit() })
}

function readerOf (values: unknown): Asked {
  const found = new Map(typeof values === 'object' && values !== null ? Object.entries(values) : [])
  return {
    text: key => {
      const value: unknown = found.get(key)
      if (typeof value !== 'string') throw new TypeError(`${key} is no text`)
      return value
    },
    number: key => {
      const value: unknown = found.get(key)
      if (typeof value !== 'number') throw new TypeError(`${key} is no number`)
      return value
    }
  }
}

/** VmHWM where Linux tells it; elsewhere what getrusage says. */
function peakRssBytes (): number {
  if (process.platform === 'linux') {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]
    if (kib !== undefined) return Number(kib) * KIB
  }
  return resourceUsage().maxRSS * KIB
}
