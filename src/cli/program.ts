import { Command, CommanderError } from 'commander'
import { CliError, exitCodeOf, isInterruption } from './failure.ts'
import { EXIT_MISUSE, failureLine, OutputError } from './failure-line.ts'
import { addInspect } from './inspect.ts'
import { addLs } from './ls.ts'
import { addPull } from './pull.ts'
import { addRm } from './rm.ts'
import { addShare } from './share.ts'
import { addVerify } from './verify.ts'
import type { CliParts } from './parts.ts'

const EXIT_CODES = `
Exit codes: 0 done, 1 it failed, 2 it was asked wrongly, 130 ended by a second Ctrl-C.
`

/**
 * Runs one command line, without the two words of the interpreter. Writes to `parts.stdout` and `parts.stderr` only,
 * never throws, and leaves nothing running.
 *
 * @returns the exit code: 0, 1 (failed, one line on `stderr`), or 2 (misuse, one line on `stderr`)
 */
export async function run (args: readonly string[], parts: CliParts): Promise<number> {
  try {
    if (args.length === 0) throw new CliError('no command given, see modelswarm --help', EXIT_MISUSE)
    await createProgram(parts).parseAsync([...args], { from: 'user' })
    return 0
  } catch (err) {
    if (err instanceof CommanderError && err.exitCode === 0) return 0
    const failure = answerable(err, parts.signal)
    parts.stderr.write(failureLine(failure))
    const debug = parts.env['MODELSWARM_DEBUG']
    if (debug !== undefined && debug !== '' && debug !== '0' && err instanceof Error) {
      parts.stderr.write(`${err.stack ?? ''}\n`)
    }
    return exitCodeOf(failure)
  }
}

function createProgram (parts: CliParts): Command {
  const program = new Command('modelswarm')
    .description('Moves AI models between machines: each piece leaves the publisher about once, however many pull it.')
    .version(parts.version)
    .addHelpText('after', EXIT_CODES)
    .exitOverride()
    .configureOutput({
      writeOut: text => { parts.stdout.write(text) },
      // what commander would say here is said by run, in one line
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => parts.stdout.columns ?? 100,
      getOutHasColors: () => false
    })
  for (const add of [addShare, addPull, addInspect, addVerify, addLs, addRm]) add(program, parts)
  for (const command of program.commands) {
    command.exitOverride(err => { throw err.exitCode === 0 ? err : misuse(err, `modelswarm ${command.name()} --help`) })
  }
  return program
}

/** One of commander's failures as ours, pointing to the help of what was asked wrongly. */
function misuse (err: CommanderError, help: string): CliError {
  const text = err.message.replace(/^error: /, '').replace(/^\(outputHelp\)$/, 'no such command').replace(/\.$/, '')
  return new CliError(`${text}, see ${help}`, EXIT_MISUSE)
}

/** A failure as it is shown: commander's own ones become misuse, an end by signal says so. */
function answerable (err: unknown, signal: AbortSignal): unknown {
  if (err instanceof CommanderError) return misuse(err, 'modelswarm --help')
  if (signal.reason instanceof OutputError) return signal.reason
  if (err instanceof CliError || !isInterruption(err, signal)) return err
  return new CliError('interrupted')
}
