import { CliError } from './failure.ts'
import { linkIn, withCollection } from './models.ts'
import { addCommonOptions, notEmpty } from './options.ts'
import { Output } from './output.ts'
import type { CommonOptions } from './options.ts'
import type { CliParts } from './parts.ts'
import type { Command } from 'commander'

/** Adds `rm ROOT`: forgets a model; its files stay. */
export function addRm (program: Command, parts: CliParts): void {
  addCommonOptions(program.command('rm'), parts.env)
    .description('forget a model; its files stay where they are')
    .argument('<root>', 'root or link of the model', notEmpty)
    .action(async (what: string, options: CommonOptions) => { await rm(what, options, parts) })
}

async function rm (what: string, options: CommonOptions, parts: CliParts): Promise<void> {
  const output = new Output(parts.stdout, options)
  const link = linkIn(what, parts)
  if (link === undefined) {
    throw new CliError(`Cannot forget ${what}: it is no root and no link; "modelswarm ls" lists the roots of the models here`)
  }
  const root = String(link.root)
  await withCollection(parts, options, async collection => { await collection.forget(root) })
  output.event('forgotten', { root })
  output.line(`forgot ${root}; its files stay where they are`)
}
