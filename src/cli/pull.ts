import { CliError, isInterruption } from './failure.ts'
import { EXIT_MISUSE } from './failure-line.ts'
import { doneLine, pullLine, resolvedLine } from './lines.ts'
import { peerIdsOf } from './models.ts'
import { addLingerOption, addNetworkOptions, addPeerOptions, collectOption, notEmpty, optionValue } from './options.ts'
import { Output } from './output.ts'
import { Live } from './progress.ts'
import { nodeOptions, sayStopped, serveUntil, showSwarms } from './serving.ts'
import { formatSeconds, shortRoot } from './units.ts'
import type { NetworkOptions } from './options.ts'
import type { CliParts } from './parts.ts'
import type { Node, PulledModel, PullEvent, PullOptions } from '../index.ts'
import type { Command } from 'commander'

interface PullCommandOptions extends NetworkOptions {
  out: string
  peer?: string[]
  include?: string[]
  seed?: boolean
  linger: number
  giveUp: number
  force?: boolean
}

/** Adds `pull LINK --out DIR`: pulls a model, then serves it for a while or until a signal. */
export function addPull (program: Command, parts: CliParts): void {
  const command = addNetworkOptions(program.command('pull'), parts.env)
    .usage('<link> --out <dir> [options]')
    .description('pull a model; files land directly in DIR, and what is there already is used')
    .argument('<link>', 'modelswarm: link, ipfs:// address or bare root', notEmpty)
    .option('--out <dir>', 'folder for the files, required', optionValue)
    .option('--include <glob>', 'pull only files whose path matches, may be repeated', collectOption)
    .option('--seed', 'serve after the pull until Ctrl-C')
    .option('--force', 'replace files in DIR whose bytes differ')
  addLingerOption(addPeerOptions(command))
    .action(async (link: string, options: Omit<PullCommandOptions, 'out'> & { out?: string }) => {
      // Not commander's to require: it would be missed before --ouut is found to be no option.
      if (options.out === undefined) {
        throw new CliError('required option \'--out <dir>\' not specified, see modelswarm pull --help', EXIT_MISUSE)
      }
      await pull(link, { ...options, out: options.out }, parts)
    })
}

async function pull (link: string, options: PullCommandOptions, parts: CliParts): Promise<void> {
  const output = new Output(parts.stdout, options)
  const live = new Live({ output, ...parts.screen === undefined ? {} : { screen: parts.screen } })
  const { signal } = parts
  const avoidPeerIds = peerIdsOf(parts.parseLink(link))
  output.holdNotes()
  let node: Node | undefined
  let done: PulledModel | undefined
  let failure: unknown
  let hasStarted = false
  try {
    const onNote = (message: string): void => { live.note(message) }
    node = await parts.createNode(nodeOptions(options, { onNote, signal, avoidPeerIds }))
    const onStarted = (): void => { hasStarted = true }
    done = await node.pull(link, options.out, pullOptions(options, { output, live, signal, onStarted }))
    live.clear()
    sayDone(output, done)
    await serveAfter({ node, root: done.root, options, output, live, signal })
  } catch (err) {
    failure = err
  } finally {
    live.clear()
    await node?.stop()
  }
  if (failure !== undefined && !isInterruption(failure, signal)) {
    // A program that saw it begin sees it end; people have the line on standard error.
    if (hasStarted && output.json) sayStopped(output, node, { evenNothing: false })
    throw failure
  }
  sayStopped(output, node, { evenNothing: false })
  if (done === undefined) throw new CliError('interrupted; run the same command to go on')
}

interface WatchParts {
  output: Output
  live: Live
  signal: AbortSignal
}

function pullOptions (options: PullCommandOptions, parts: WatchParts & { onStarted: () => void }): PullOptions {
  return {
    giveUpSeconds: options.giveUp,
    force: options.force === true,
    signal: parts.signal,
    onProgress: event => {
      if (event.type === 'started') parts.onStarted()
      report(event, options.out, parts)
    },
    ...options.peer === undefined ? {} : { peers: options.peer },
    ...options.include === undefined ? {} : { include: options.include }
  }
}

function report (event: PullEvent, out: string, { output, live }: WatchParts): void {
  switch (event.type) {
    case 'started':
      output.event('started', { root: event.root, addrs: event.addrs })
      output.line(`pulling ${shortRoot(event.root)} into ${out}`)
      return
    case 'resolved':
      output.event('resolved', fieldsOf(event))
      output.line(resolvedLine(event))
      return
    case 'progress':
      output.event('progress', fieldsOf(event))
      live.show(event.root, columns => pullLine(event, columns))
      return
    case 'note':
      live.note(event.message)
  }
  // done is said when pull has resolved: only then is it the library's last word
}

/** Every field of the event but its type; what is undefined is left out by JSON. */
function fieldsOf<T extends PullEvent> ({ type, ...fields }: T): Omit<T, 'type'> {
  return fields
}

function sayDone (output: Output, done: PulledModel): void {
  output.event('done', {
    root: done.root,
    bytes: done.bytes,
    seconds: done.seconds,
    held: done.held,
    from: done.from,
    wireBytes: done.wireBytes,
    fromPublisher: done.fromPublisher,
    dir: done.dir
  })
  output.line(doneLine(done))
}

interface ServeAfterParts extends WatchParts {
  node: Node
  root: string
  options: PullCommandOptions
}

async function serveAfter (parts: ServeAfterParts): Promise<void> {
  const { node, root, options, output, live, signal } = parts
  if (options.seed === true) {
    output.line('serving it, Ctrl-C stops')
    await serveUntil(signal, { node, models: [{ root }], live })
    return
  }
  if (options.linger === 0 || signal.aborted) return
  const state = node.swarm(root)
  if (state !== undefined && state.peers > state.seeders) {
    output.line(`serving those who still lack blocks for at most ${formatSeconds(options.linger)}, Ctrl-C stops`)
  }
  const stopShowing = showSwarms(node, [{ root }], live)
  try {
    await node.linger(root, { seconds: options.linger, signal })
  } finally {
    stopShowing()
  }
}
