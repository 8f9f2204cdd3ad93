#!/usr/bin/env node
import { createRequire } from 'node:module'
import { createNode, openCollection, parseLink } from '../index.ts'
import { EXIT_FAILED, failureLine } from './failure.ts'
import { run } from './program.ts'
import { stopOnClosedPipe, stopOnSignals } from './signals.ts'

/** A handle that somebody forgot to close must not keep a finished command alive. */
const EXIT_AFTER_MS = 3000

const controller = new AbortController()
stopOnSignals(process, controller)
stopOnClosedPipe(process.stdout, controller)
stopOnClosedPipe(process.stderr, controller)
// standard error carries one line and only when something failed: no warnings of Node's, no stack
process.removeAllListeners('warning')
process.on('uncaughtException', err => {
  process.stderr.write(failureLine(err))
  process.exit(EXIT_FAILED)
})

process.exitCode = await run(process.argv.slice(2), {
  createNode,
  openCollection,
  parseLink,
  stdout: process.stdout,
  stderr: process.stderr,
  ...process.stdout.isTTY ? { screen: process.stdout } : {},
  env: process.env,
  signal: controller.signal,
  version: packageVersion()
})
setTimeout(() => { process.exit() }, EXIT_AFTER_MS).unref()

/** The package finds itself by its own name, from src/ as from dist/. */
function packageVersion (): string {
  const found: unknown = createRequire(import.meta.url)('modelswarm/package.json')
  if (typeof found === 'object' && found !== null && 'version' in found && typeof found.version === 'string') return found.version
  return 'unknown'
}
