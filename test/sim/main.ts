import '../../src/polyfill.ts'
import { runFaults } from './faults/command.ts'
import { runScenarios } from './scenarios-command.ts'

// npm run simulate -- scenarios [NAME...] [--seeds N]
//                     faults [--seeds N] [--seed N] [--from N] [--break NAME|all]

const args = process.argv.slice(2)
if (args[0] === 'faults') process.exitCode = await runFaults(args.slice(1))
else await runScenarios(args)
