import { isModelswarmError } from '../index.ts'

export const EXIT_FAILED = 1
export const EXIT_MISUSE = 2
/** 128 + SIGINT, as shells report it. */
export const EXIT_KILLED = 130

/** A failure whose line for people is already what they need, with the exit code it ends in. */
export class CliError extends Error {
  readonly exitCode: number

  constructor (message: string, exitCode: number = EXIT_FAILED) {
    super(message)
    this.name = 'CliError'
    this.exitCode = exitCode
  }
}

/** The one line on standard error that a failure of any kind becomes. No line break, no stack. */
export function failureLine (err: unknown): string {
  return `modelswarm: ${messageOf(err).replace(/\s*[\r\n]+\s*/g, ' ').trim()}\n`
}

/** 2 when the command was given wrongly, 1 when it was right and did not work out. */
export function exitCodeOf (err: unknown): number {
  if (err instanceof CliError) return err.exitCode
  return isModelswarmError(err, 'ERR_BAD_OPTION') ? EXIT_MISUSE : EXIT_FAILED
}

/** True when a command ended because it was told to, and not for a reason of its own. */
export function isInterruption (err: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (!isModelswarmError(err) || err.code === 'ERR_STOPPED')
}

function messageOf (err: unknown): string {
  if (err instanceof AggregateError && err.errors.length > 0 && err.message === '') return messageOf(err.errors[0])
  if (err instanceof Error) return err.message === '' ? err.name : err.message
  return 'something failed and gave no reason'
}
