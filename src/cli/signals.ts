import { EXIT_KILLED, OutputError } from './failure-line.ts'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** What of `process` this file uses; tests give another emitter. */
export interface SignalSource {
  on: (signal: typeof SIGNALS[number], listener: () => void) => unknown
  exit: (code: number) => unknown
}

/**
 * The first SIGINT or SIGTERM aborts, so that a command stops cleanly; the second ends the process at once, after a new
 * line on the terminal if there is one: live lines may stand there.
 */
export function stopOnSignals (
  source: SignalSource, controller: AbortController, screen?: Pick<NodeJS.WritableStream, 'write'>
): void {
  let seen = 0
  for (const signal of SIGNALS) {
    source.on(signal, () => {
      seen++
      if (seen === 1) return controller.abort()
      screen?.write('\n')
      source.exit(EXIT_KILLED)
    })
  }
}

/**
 * Resolves when all that was written to a stream is out of this process, or can never be: `process.exit` would cut off
 * what a slow reader of a pipe has not taken yet.
 */
export async function flushed (stream: Pick<NodeJS.WritableStream, 'write'>): Promise<void> {
  await new Promise<void>(resolve => {
    stream.write('', () => { resolve() })
  })
}

/** EPIPE, or EIO from a terminal that was closed: there is nobody left to tell. */
const READER_GONE = new Set(['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED'])

/**
 * A reader that went away (`modelswarm ls | head -1`) ends the command like a signal, without a word; whatever else
 * keeps it from writing is the reason of the abort, an OutputError.
 */
export function stopOnClosedPipe (stream: Pick<NodeJS.WritableStream, 'on'>, controller: AbortController): void {
  stream.on('error', (err: NodeJS.ErrnoException) => {
    controller.abort(READER_GONE.has(err.code ?? '') ? undefined : new OutputError(err))
  })
}
