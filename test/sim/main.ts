import '../../src/polyfill.ts'
import { FAULTS_USAGE, runFaults } from './faults/command.ts'
import { MEETING_USAGE, runMeeting } from './meeting-command.ts'
import { runScenarios, SCENARIOS_USAGE } from './scenarios-command.ts'
import { UsageError } from './usage-error.ts'

// npm run simulate -- COMMAND ...

type Command = (args: readonly string[], write: (text: string) => void) => Promise<number | void>

const COMMANDS: Readonly<Record<string, Command>> = { scenarios: runScenarios, faults: runFaults, meeting: runMeeting }

// Whoever reads may stop reading: `| head`.
process.stdout.on('error', () => { process.exit() })

const [command = '', ...args] = process.argv.slice(2)
const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined
if (run === undefined) {
  process.stderr.write(`usage: npm run simulate -- COMMAND ...\n\n${SCENARIOS_USAGE}\n${FAULTS_USAGE}\n${MEETING_USAGE}`)
  process.exitCode = 2
} else {
  try {
    process.exitCode = await run(args, text => { process.stdout.write(text) }) ?? 0
  } catch (err) {
    if (!(err instanceof UsageError)) throw err
    process.stderr.write(`${err.message}\n`)
    process.exitCode = 2
  }
}
