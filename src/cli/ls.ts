import { withCollection } from './models.ts'
import { addCommonOptions } from './options.ts'
import { Output, formatTable } from './output.ts'
import { formatBytes, formatShare } from './units.ts'
import type { CommonOptions } from './options.ts'
import type { CliParts } from './parts.ts'
import type { ModelSummary } from '../index.ts'
import type { Command } from 'commander'

/** Adds `ls`: the models that the state folder knows. */
export function addLs (program: Command, parts: CliParts): void {
  addCommonOptions(program.command('ls'), parts.env)
    .description('list the models on this machine')
    .action(async (options: CommonOptions) => { await ls(options, parts) })
}

async function ls (options: CommonOptions, parts: CliParts): Promise<void> {
  const output = new Output(parts.stdout, options)
  const models = await withCollection(parts, options, async collection => await collection.list())
  for (const model of models) output.event('model', { ...model })
  if (output.json) return
  if (models.length === 0) {
    output.line('no models yet: share one, or pull one')
    return
  }
  const table = formatTable([['NAME', 'SIZE', 'HELD', 'FROM', 'ROOT', 'PATH'], ...models.map(row)], [1, 2])
  output.result(table.join('\n'))
}

function row (model: ModelSummary): string[] {
  const held = formatShare(model.heldBytes, model.bytes)
  const from = model.isUnfinished === true ? `${model.origin}, unfinished` : model.origin
  return [model.name, formatBytes(model.bytes), held, from, model.root, model.path]
}
