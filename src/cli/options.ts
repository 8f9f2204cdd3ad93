import { homedir, userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { InvalidArgumentError, Option } from 'commander'
import { GIVE_UP_SECONDS, LINGER_SECONDS } from '../index.ts'
import type { CliParts } from './parts.ts'
import type { Command } from 'commander'

/** Options that every command has. */
export interface CommonOptions {
  state: string
  json?: boolean
  quiet?: boolean
}

/** Options of the commands that open a port. */
export interface NetworkOptions extends CommonOptions {
  listen?: string[]
  announce?: string[]
  mdns: boolean
}

/** The state folder when none is given, by the XDG base directory specification 0.8: a relative value is ignored. */
export function defaultStateFolder (env: CliParts['env'], home: string = homedir()): string {
  const base = env['XDG_STATE_HOME']
  if (base !== undefined && isAbsolute(base)) return join(base, 'modelswarm')
  // An empty HOME is none: the state would lie in whatever folder a command is called in.
  return join(isAbsolute(home) ? home : userInfo().homedir, '.local', 'state', 'modelswarm')
}

export function addCommonOptions (command: Command, env: CliParts['env']): Command {
  return command
    .addOption(new Option('--state <dir>', 'state folder: identity, index, what is held')
      .default(defaultStateFolder(env), '$XDG_STATE_HOME/modelswarm, else ~/.local/state/modelswarm')
      .argParser(optionValue))
    .option('--json', 'one JSON object a line on standard output, for programs')
    .option('--quiet', 'no progress and no notes')
}

export function addNetworkOptions (command: Command, env: CliParts['env']): Command {
  return addCommonOptions(command, env)
    .option('--listen <multiaddr>', 'address to listen on, may be repeated (default: /ip4/0.0.0.0/tcp/0)', collectOption)
    .option('--announce <multiaddr>', 'address under which others reach this machine, may be repeated', collectOption)
    .option('--no-mdns', 'do not look for peers on the local network')
}

export function addPeerOptions (command: Command): Command {
  return command
    .option('--peer <multiaddr>', 'peer to ask, beside those in the link, may be repeated', collectOption)
    .addOption(new Option('--give-up <seconds>', 'end when no verified byte arrived for so long')
      .default(GIVE_UP_SECONDS).argParser(someSeconds))
}

export function addLingerOption (command: Command): Command {
  return command.addOption(new Option('--linger <seconds>',
    'after the pull, serve at most so long those who still lack blocks').default(LINGER_SECONDS).argParser(seconds))
}

/** Adds one more value of an option that may be repeated. */
export function collectOption (value: string, earlier: string[] | undefined): string[] {
  return collect(optionValue(value), earlier)
}

/** Text that is not the next option: a forgotten value must not take it in. */
export function optionValue (value: string): string {
  if (value.startsWith('--')) throw new InvalidArgumentError('Its value is missing: none begins with --.')
  return notEmpty(value)
}

/** Adds one more argument of those that may be several. */
export function collect (value: string, earlier: string[] | undefined): string[] {
  return [...earlier ?? [], notEmpty(value)]
}

/** A finite number of seconds, 0 or more. */
export function seconds (value: string): number {
  return parseSeconds(value, '0 or more')
}

/** A finite number of seconds, more than 0. */
export function someSeconds (value: string): number {
  const least = 'more than 0'
  const parsed = parseSeconds(value, least)
  if (parsed === 0) throw notSeconds(least)
  return parsed
}

function parseSeconds (value: string, least: string): number {
  const parsed = Number(value)
  if (!/^\d+(\.\d+)?$/.test(value) || !Number.isFinite(parsed)) throw notSeconds(least)
  return parsed
}

function notSeconds (least: string): InvalidArgumentError {
  return new InvalidArgumentError(`It is a number of seconds, ${least}.`)
}

/** Text that is not empty: an unset shell variable is a mistake, never the current folder. */
export function notEmpty (value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('It is empty.')
  return value
}
