import { basename, parse, resolve } from 'node:path'
import { isModelswarmError } from '../index.ts'
import { isInterruption } from './failure.ts'
import { hashLine } from './lines.ts'
import { withCollection } from './models.ts'
import { addNetworkOptions, collect } from './options.ts'
import { Output } from './output.ts'
import { Live } from './progress.ts'
import { isOnlyLoopback, nodeOptions, sayStopped, serveUntil } from './serving.ts'
import { formatBytes, formatCount } from './units.ts'
import type { NetworkOptions } from './options.ts'
import type { CliParts } from './parts.ts'
import type { ServedModel } from './serving.ts'
import type { ModelSummary, Node, PublishedModel } from '../index.ts'
import type { Command } from 'commander'

/** Adds `share PATH...`: publishes files or folders where they lie and serves them until a signal. */
export function addShare (program: Command, parts: CliParts): void {
  addNetworkOptions(program.command('share'), parts.env)
    .description('publish models where they lie, without a copy, and serve them until Ctrl-C')
    .argument('<path...>', 'file or folder; each becomes a model of its own', collect)
    .action(async (paths: string[], options: NetworkOptions) => { await share(paths, options, parts) })
}

async function share (paths: readonly string[], options: NetworkOptions, parts: CliParts): Promise<void> {
  const output = new Output(parts.stdout, options)
  const live = new Live({ output, ...parts.screen === undefined ? {} : { screen: parts.screen } })
  output.holdNotes()
  let node: Node | undefined
  let failure: unknown
  try {
    const onNote = (message: string): void => { live.note(message) }
    // None is published, and nobody told to get it, when another one cannot be.
    for (const path of paths) await parts.checkPublishable(path, { signal: parts.signal })
    node = await parts.createNode(nodeOptions(options, { onNote, signal: parts.signal }))
    const models = await publishAll(node, paths, { live, output, signal: parts.signal })
    output.line(`\nserving ${models.length === 1 ? 'it' : formatCount(models.length, 'model')}, Ctrl-C stops`)
    if (!output.json && !output.quiet) await sayOthers(output, models, { options, parts, onNote })
    if (isOnlyLoopback(node.addrs)) output.line('only this machine can reach it: it listens on loopback alone')
    await serveUntil(parts.signal, { node, models, live })
  } catch (err) {
    failure = err
  } finally {
    live.clear()
    await node?.stop()
  }
  if (failure !== undefined && !isInterruption(failure, parts.signal)) throw failure
  sayStopped(output, node, { evenNothing: true })
}

/** A node serves all that its state folder has, not only what it was given now. */
async function sayOthers (
  output: Output, models: readonly ServedModel[],
  { options, parts, onNote }: { options: NetworkOptions, parts: CliParts, onNote: (message: string) => void }
): Promise<void> {
  let all: ModelSummary[]
  try {
    all = await withCollection(parts, options, async collection => await collection.list())
  } catch (err) {
    // What is shared is served all the same.
    if (!isModelswarmError(err)) throw err
    return onNote(`what else this state folder has is not known: ${err.message}`)
  }
  const now = new Set(models.map(model => model.root))
  const served = all.filter(({ root, heldBytes, isUnfinished = false }) => {
    return heldBytes > 0 && !isUnfinished && !now.has(root)
  })
  const others = new Set(served.map(({ root }) => root))
  if (others.size === 0) return
  output.line(`also serving ${formatCount(others.size, 'more model')} that this state folder has: ` +
    '"modelswarm ls" lists them, "modelswarm rm ROOT" ends it')
}

interface PublishAllParts {
  live: Live
  output: Output
  signal: AbortSignal
}

async function publishAll (node: Node, paths: readonly string[], parts: PublishAllParts): Promise<ServedModel[]> {
  const { live, output, signal } = parts
  const models: ServedModel[] = []
  for (const path of paths) {
    const model = await node.publish(path, {
      signal,
      onProgress: event => {
        if (event.type === 'note') live.note(event.message)
        else live.show(path, columns => hashLine({ bytes: event.bytes, total: event.total, what: event.path }, columns))
      }
    })
    live.clear()
    sayReady(output, { model, path, node })
    models.push({ root: model.root, ...paths.length === 1 ? {} : { label: basename(resolve(path)) } })
  }
  return models
}

function sayReady (output: Output, ready: { model: PublishedModel, path: string, node: Node }): void {
  const { model, path, node } = ready
  output.event('ready', {
    root: model.root, link: model.link, bytes: model.bytes, blocks: model.blocks, addrs: node.addrs, path
  })
  const name = basename(resolve(path))
  // A file is pulled into a folder, which beside the file cannot have its name.
  const isFile = model.files.length === 1 && model.files[0]?.path === name
  const folder = folderName(isFile ? parse(name).name : name)
  output.line(`${name}: ${formatBytes(model.bytes)} in ${formatCount(model.files.length, 'file')}, ` +
    `${formatCount(model.blocks, 'block')}\n\nlink:`)
  output.result(model.link)
  output.line(`\nget it on another machine:\nmodelswarm pull ${model.link} --out ${folder}`)
}

/** A folder to suggest that needs no quoting in a shell. */
function folderName (name: string): string {
  const plain = name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[-.]+/, '')
  return plain === '' ? 'model' : plain
}
