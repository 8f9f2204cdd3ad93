#!/usr/bin/env node
import { createRequire } from 'node:module'
import { EXIT_FAILED, failureLine, OutputError } from './failure-line.ts'
import { optimiseLater } from './optimise-later.ts'
import { flushed, stopOnClosedPipe, stopOnSignals } from './signals.ts'

optimiseLater()
const controller = new AbortController()
const screen = process.stdout.isTTY ? process.stdout : undefined
stopOnSignals(process, controller, screen)
stopOnClosedPipe(process.stdout, controller)
stopOnClosedPipe(process.stderr, controller)
// standard error carries one line and only when something failed: no warnings of Node's, no stack
process.removeAllListeners('warning')
process.on('uncaughtException', err => {
  process.stderr.write(failureLine(err))
  process.exit(EXIT_FAILED)
})

// Loading takes a tenth of a second: only now, so that a signal meanwhile is a clean end already.
const [library, { run }] = await Promise.all([import('../index.ts'), import('./program.ts')])
let exitCode = await run(process.argv.slice(2), {
  ...library,
  stdout: process.stdout,
  stderr: process.stderr,
  ...screen === undefined ? {} : { screen },
  env: process.env,
  signal: controller.signal,
  version: packageVersion()
})
await flushed(process.stdout)
const { reason } = controller.signal
if (exitCode === 0 && reason instanceof OutputError) {
  process.stderr.write(failureLine(reason))
  exitCode = EXIT_FAILED
}
await flushed(process.stderr)
// Not when the last handle is closed: a timer of libp2p's address manager would keep a finished command for a second.
process.exit(exitCode)

/** The package finds itself by its own name, from src/ as from dist/. */
function packageVersion (): string {
  const found: unknown = createRequire(import.meta.url)('modelswarm/package.json')
  if (typeof found === 'object' && found !== null && 'version' in found && typeof found.version === 'string') return found.version
  return 'unknown'
}
