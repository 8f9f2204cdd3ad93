import { runScenarios, SCENARIOS_USAGE } from './scenarios-command.ts'
import { UsageError } from './usage-error.ts'

// npm run simulate -- COMMAND ...

const COMMANDS: Readonly<Record<string, (args: readonly string[], write: (text: string) => void) => Promise<void>>> = {
  scenarios: runScenarios
}

const [command = '', ...args] = process.argv.slice(2)
const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined
if (run === undefined) {
  process.stderr.write(`usage: npm run simulate -- COMMAND ...\n\n${SCENARIOS_USAGE}`)
  process.exitCode = 2
} else {
  try {
    await run(args, text => { process.stdout.write(text) })
  } catch (err) {
    if (!(err instanceof UsageError)) throw err
    process.stderr.write(`${err.message}\n`)
    process.exitCode = 2
  }
}
