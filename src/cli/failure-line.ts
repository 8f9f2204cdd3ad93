// Apart from failure.ts, so that main.ts can answer before the library is loaded.

export const EXIT_FAILED = 1
export const EXIT_MISUSE = 2
/** 128 + SIGINT, as shells report it. */
export const EXIT_KILLED = 130

/** What a command writes cannot be written: a full disk under a log, not a reader that went away. */
export class OutputError extends Error {
  constructor (err: Error) {
    super(`Cannot write to standard output: ${err.message}; make room there, and run the same command again`, { cause: err })
    this.name = 'OutputError'
  }
}

/** The one line on standard error that a failure of any kind becomes. No line break, no stack. */
export function failureLine (err: unknown): string {
  return `modelswarm: ${messageOf(err).replace(/\s*[\r\n]+\s*/g, ' ').trim()}\n`
}

function messageOf (err: unknown): string {
  if (err instanceof AggregateError && err.errors.length > 0 && err.message === '') return messageOf(err.errors[0])
  if (err instanceof Error) return err.message === '' ? err.name : err.message
  return 'something failed and gave no reason'
}
