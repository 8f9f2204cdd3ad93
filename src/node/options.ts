import type { NodeOptions, OpenPolicy } from '../api.ts'
import type { Libp2p } from '@libp2p/interface'

/** NodeOptions with every default filled in. */
export interface ResolvedNodeOptions {
  readonly dir: string
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly mdns: boolean
  readonly libp2p: Libp2p | undefined
  readonly open: OpenPolicy
  readonly avoidPeerIds: readonly string[]
  readonly onNote: (message: string) => void
  readonly signal: AbortSignal | undefined
}

const KEYS = ['dir', 'listen', 'announce', 'mdns', 'libp2p', 'open', 'avoidPeerIds', 'onNote', 'signal']
const OPEN: readonly string[] = ['spare', 'always', 'never']

/**
 * Checks options at the door and fills in what was left out.
 *
 * @throws TypeError naming the option that is unknown or has a value of the wrong kind
 */
export function resolveNodeOptions (options: NodeOptions): ResolvedNodeOptions {
  checkKeys('createNode', options, KEYS)
  const { dir, listen = ['/ip4/0.0.0.0/tcp/0'], announce = [], mdns = false, open = 'spare', avoidPeerIds = [] } = options
  if (typeof dir !== 'string' || dir === '') throw new TypeError('createNode: dir is the path of the state folder')
  checkTexts('createNode', 'listen', listen)
  checkTexts('createNode', 'announce', announce)
  checkTexts('createNode', 'avoidPeerIds', avoidPeerIds)
  if (typeof mdns !== 'boolean') throw new TypeError('createNode: mdns is true or false')
  if (!OPEN.includes(open)) throw new TypeError(`createNode: open is ${OPEN.join(', ')}; got ${String(open)}`)
  return {
    dir,
    listen,
    announce,
    mdns,
    libp2p: options.libp2p,
    open,
    avoidPeerIds,
    onNote: options.onNote ?? (() => {}),
    signal: options.signal
  }
}

/** @throws TypeError when an options object has a key that nothing reads */
export function checkKeys (what: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new TypeError(`${what}: unknown option ${key}; known are ${known.join(', ')}`)
  }
}

/** @throws TypeError when the value is not an array of texts */
export function checkTexts (what: string, name: string, value: unknown): void {
  if (!Array.isArray(value) || value.some(one => typeof one !== 'string')) {
    throw new TypeError(`${what}: ${name} is an array of texts`)
  }
}

/** @throws RangeError when the value is no number of seconds */
export function checkSeconds (what: string, name: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isFinite(value) && value >= 0)) {
    throw new RangeError(`${what}: ${name} is a number of seconds, at least 0; got ${value}`)
  }
}
