import { isModelswarmError } from '../index.ts'
import { EXIT_FAILED, EXIT_MISUSE } from './failure-line.ts'

/** A failure whose line for people is already what they need, with the exit code it ends in. */
export class CliError extends Error {
  readonly exitCode: number

  constructor (message: string, exitCode: number = EXIT_FAILED) {
    super(message)
    this.name = 'CliError'
    this.exitCode = exitCode
  }
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
