import { CliError } from './failure.ts'
import { hashLine } from './lines.ts'
import { rootOrPath, withCollection } from './models.ts'
import { addCommonOptions, notEmpty } from './options.ts'
import { Output } from './output.ts'
import { Live } from './progress.ts'
import { formatBytes, formatCount } from './units.ts'
import type { CommonOptions } from './options.ts'
import type { CliParts } from './parts.ts'
import type { Verification } from '../index.ts'
import type { Command } from 'commander'

/** The library reports every block; a program wants to hear of it about as often as of a pull. */
const PROGRESS_INTERVAL_MS = 250
/** How many bad files the line on standard error names; the others are listed on standard output. */
const NAMED_IN_FAILURE = 3

/** Adds `verify ROOT|PATH`: hashes every byte of a model on this machine again; exit code 1 when one is wrong. */
export function addVerify (program: Command, parts: CliParts): void {
  addCommonOptions(program.command('verify'), parts.env)
    .description('hash every byte of a model on this machine again')
    .argument('<root|path>', 'root or link of a model, or its file or folder', notEmpty)
    .action(async (what: string, options: CommonOptions) => { await verify(what, options, parts) })
}

async function verify (what: string, options: CommonOptions, parts: CliParts): Promise<void> {
  const output = new Output(parts.stdout, options)
  const live = new Live({ output, ...parts.screen === undefined ? {} : { screen: parts.screen } })
  let lastMs = -Infinity
  try {
    const result = await withCollection(parts, options, async collection =>
      await collection.verify(rootOrPath(what, parts), {
        signal: parts.signal,
        onProgress: ({ bytes, total }) => {
          const nowMs = performance.now()
          if (bytes < total && nowMs - lastMs < PROGRESS_INTERVAL_MS) return
          lastMs = nowMs
          output.event('progress', { bytes, total })
          live.show('verify', columns => hashLine({ bytes, total, what: 'verified' }, columns))
        }
      }))
    live.clear()
    sayVerification(output, result)
  } finally {
    live.clear()
  }
}

function sayVerification (output: Output, result: Verification): void {
  for (const { path, blocks } of result.bad) {
    output.event('bad', { path, blocks })
    output.result(`bad: ${path}: ${blocks === 0 ? 'gone, or longer than it should be' : `${formatCount(blocks, 'block')} missing or wrong`}`)
  }
  const { root, copies, bytes, goodBytes, isPart } = result
  output.event('verified', { root, copies, bytes, goodBytes, bad: result.bad.length, isPart })
  if (result.bad.length === 0 && goodBytes === bytes) {
    const all = `${formatBytes(bytes)}${isPart ? ' that are here' : ''}${copies > 1 ? ` in ${copies} copies` : ''}`
    output.line(`good: all ${all} of ${root}`)
    return
  }
  const named = result.bad.slice(0, NAMED_IN_FAILURE).map(file => file.path)
  const more = result.bad.length - named.length
  const wrong = goodBytes < bytes
    ? `${formatBytes(bytes - goodBytes)} of ${formatBytes(bytes)} of ${root} are missing or wrong`
    : `all ${formatBytes(bytes)} of ${root} are there, but not its files as they should be`
  throw new CliError(wrong +
    (named.length === 0 ? '' : `, in ${named.join(', ')}`) + (more > 0 ? ` and ${formatCount(more, 'file')} more` : '') +
    '; to repair it, pull it again into the same folder with --force; an original that you changed is shared anew')
}
