import { isModelswarmError } from '../index.ts'
import { linkIn, peerIdsOf, withCollection } from './models.ts'
import { addNetworkOptions, addPeerOptions, notEmpty } from './options.ts'
import { Output, formatTable } from './output.ts'
import { printable } from './printable.ts'
import { nodeOptions } from './serving.ts'
import { formatBytes, formatCount } from './units.ts'
import type { NetworkOptions } from './options.ts'
import type { CliParts } from './parts.ts'
import type { InspectedFile, Inspection, Link } from '../index.ts'
import type { Command } from 'commander'

interface InspectCommandOptions extends NetworkOptions {
  peer?: string[]
  giveUp: number
  /** Undefined when neither `--tensors` nor `--no-tensors` was given. */
  tensors?: boolean
}

/** Adds `inspect LINK|ROOT|PATH`: lists files and tensors, from this machine where it can, else from peers. */
export function addInspect (program: Command, parts: CliParts): void {
  const command = addNetworkOptions(program.command('inspect'), parts.env)
    .description('list the files and tensors of a model, here or at its peers')
    .argument('<link|root|path>', 'link, root, or a file or folder on this machine', notEmpty)
    .option('--tensors', 'list tensors of safetensors and GGUF files (default without --json)')
    .option('--no-tensors', 'list files only')
  addPeerOptions(command)
    .action(async (what: string, options: InspectCommandOptions) => { await inspect(what, options, parts) })
}

async function inspect (what: string, options: InspectCommandOptions, parts: CliParts): Promise<void> {
  const output = new Output(parts.stdout, options)
  const link = linkIn(what, parts)
  const here = await inspectHere(link === undefined ? what : String(link.root), options, parts)
  const isAllHere = here !== undefined && (link === undefined || !here.files.some(file => file.isHeaderMissing))
  sayInspection(output, isAllHere ? here : await inspectAtPeers(what, options, { ...parts, link, output, here }))
}

function wantsTensors (options: InspectCommandOptions): boolean {
  return options.tensors ?? options.json !== true
}

/** What this machine knows, without a network; undefined when it does not know the root. */
async function inspectHere (
  what: string, options: InspectCommandOptions, parts: CliParts
): Promise<Inspection | undefined> {
  try {
    return await withCollection(parts, { ...options, create: true }, async collection =>
      await collection.inspect(what, { tensors: wantsTensors(options), signal: parts.signal }))
  } catch (err) {
    if (isModelswarmError(err, 'ERR_UNKNOWN_ROOT')) return undefined
    throw err
  }
}

async function inspectAtPeers (
  what: string, options: InspectCommandOptions,
  parts: CliParts & { link: Link | undefined, output: Output, here: Inspection | undefined }
): Promise<Inspection> {
  const node = await parts.createNode(nodeOptions(options, {
    signal: parts.signal,
    onNote: message => { parts.output.note(message) },
    ...parts.link === undefined ? {} : { avoidPeerIds: peerIdsOf(parts.link) }
  }))
  try {
    parts.output.line(parts.here === undefined
      ? 'not on this machine, asking peers'
      : 'its tensors are not on this machine, asking peers')
    return await node.inspect(what, {
      tensors: wantsTensors(options),
      onNote: message => { parts.output.note(message) },
      giveUpSeconds: options.giveUp,
      signal: parts.signal,
      ...options.peer === undefined ? {} : { peers: options.peer }
    })
  } finally {
    await node.stop()
  }
}

function sayInspection (output: Output, model: Inspection): void {
  output.event('model', { root: model.root, bytes: model.bytes, blocks: model.blocks, files: model.files.length })
  output.result(`root   ${model.root}\nsize   ${formatBytes(model.bytes)} in ${formatCount(model.files.length, 'file')}, ` +
    formatCount(model.blocks, 'block'))
  if (!output.json) output.result(`\n${formatTable([['FILE', 'SIZE', 'BLOCKS'], ...model.files.map(fileRow)], [1, 2]).join('\n')}`)
  for (const file of model.files) sayFile(output, file)
}

function sayFile (output: Output, file: InspectedFile): void {
  output.event('file', { path: file.path, bytes: file.bytes, blocks: file.blocks })
  const tensors = file.tensors ?? []
  for (const tensor of tensors) output.event('tensor', { path: file.path, ...tensor })
  if (output.json || tensors.length === 0) return
  const rows = tensors.map(tensor =>
    [tensor.name, tensor.dtype, `[${tensor.shape.join(', ')}]`, formatBytes(tensor.bytes), String(tensor.blocks)])
  const heading = `\n${printable(file.path)}: ${formatCount(tensors.length, 'tensor')}`
  output.result([heading, ...formatTable([['TENSOR', 'TYPE', 'SHAPE', 'SIZE', 'BLOCKS'], ...rows], [3, 4])].join('\n'))
}

function fileRow (file: InspectedFile): string[] {
  return [file.path, formatBytes(file.bytes), String(file.blocks)]
}
