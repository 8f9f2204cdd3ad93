import picomatch from 'picomatch'
import { ModelswarmError } from '../errors.ts'
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
/** What of an application's libp2p node is called here. */
const LIBP2P_METHODS = ['dial', 'handle', 'unhandle', 'getConnections', 'getMultiaddrs', 'addEventListener']

/**
 * Checks options at the door and fills in what was left out.
 *
 * @throws TypeError naming the option that is unknown or has a value of the wrong kind
 */
export function resolveNodeOptions (options: NodeOptions): ResolvedNodeOptions {
  checkKeys('createNode', options, KEYS)
  const { dir, listen = ['/ip4/0.0.0.0/tcp/0'], announce = [], mdns = false, open = 'spare', avoidPeerIds = [] } = options
  checkDir('createNode', dir)
  checkTexts('createNode', 'listen', listen)
  checkTexts('createNode', 'announce', announce)
  checkTexts('createNode', 'avoidPeerIds', avoidPeerIds)
  checkFlag('createNode', 'mdns', mdns)
  if (!OPEN.includes(open)) throw new TypeError(`createNode: open is ${OPEN.join(', ')}; got ${shown(open)}`)
  checkLibp2p(options.libp2p)
  checkFunction('createNode', 'onNote', options.onNote)
  checkAbortSignal('createNode', options.signal)
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

/** @throws TypeError when it is no options object, or has a key that nothing reads */
export function checkKeys (what: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${what}: options is an object; got ${shown(options)}`)
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new TypeError(`${what}: unknown option ${key}; known are ${known.join(', ')}`)
  }
}

/** @throws TypeError when the value is not the path of a state folder */
export function checkDir (what: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`${what}: dir is the path of the state folder; got ${shown(value)}`)
  }
}

/** @throws TypeError when the value is no text */
export function checkText (what: string, name: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`${what}: ${name} is a text; got ${shown(value)}`)
}

/**
 * An empty path would be the current folder: nobody who has an unset variable means that.
 *
 * @throws TypeError when the value is no text; ModelswarmError ERR_BAD_OPTION when it is empty or no path can be so
 */
export function checkPath (what: string, name: string, value: unknown): void {
  checkText(what, name, value)
  if (value === '') throw new ModelswarmError('ERR_BAD_OPTION', `Cannot ${what}: ${name} is empty; name a path, "." for this folder`)
  if (String(value).includes('\0')) {
    throw new ModelswarmError('ERR_BAD_OPTION', `Cannot ${what}: ${name} contains a NUL character, which no path can`)
  }
}

/** @throws TypeError when the value is not an array of texts */
export function checkTexts (what: string, name: string, value: unknown): void {
  if (!Array.isArray(value) || value.some(one => typeof one !== 'string')) {
    throw new TypeError(`${what}: ${name} is an array of texts; got ${shown(value)}`)
  }
}

/** @throws TypeError when the value is there and no function */
export function checkFunction (what: string, name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') {
    throw new TypeError(`${what}: ${name} is a function; got ${shown(value)}`)
  }
}

/** @throws TypeError when the value is there and neither true nor false */
export function checkFlag (what: string, name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') {
    throw new TypeError(`${what}: ${name} is true or false; got ${shown(value)}`)
  }
}

/** @throws TypeError when the value is there and no AbortSignal */
export function checkAbortSignal (what: string, value: unknown): void {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw new TypeError(`${what}: signal is an AbortSignal; got ${shown(value)}`)
  }
}

/** @throws TypeError, RangeError when the value is there and no number of seconds, or 0 where that makes no sense */
export function checkSeconds (what: string, name: string, value: unknown, isZeroAllowed = false): void {
  if (value === undefined) return
  if (typeof value !== 'number') throw new TypeError(`${what}: ${name} is a number of seconds; got ${shown(value)}`)
  if (!(Number.isFinite(value) && (value > 0 || (isZeroAllowed && value === 0)))) {
    const least = isZeroAllowed ? 'at least 0' : 'more than 0'
    throw new RangeError(`${what}: ${name} is a number of seconds, ${least}; got ${value}`)
  }
}

/** @throws TypeError when it is no array of texts; ModelswarmError ERR_BAD_OPTION for a text that is no glob */
export function checkGlobs (what: string, name: string, value: readonly string[] = []): void {
  checkTexts(what, name, value)
  for (const glob of value) {
    try {
      // Without these two, an unclosed bracket stands for itself, and what cannot be read matches nothing.
      picomatch.makeRe(glob, { strictBrackets: true, debug: true })
    } catch (err) {
      const seen = err instanceof Error ? err.message.split('\n')[0] ?? '' : 'it cannot be read'
      throw new ModelswarmError('ERR_BAD_OPTION', `Cannot ${what}: "${glob.slice(0, 60)}" in ${name} is no glob: ${seen}`,
        { cause: err })
    }
  }
}

function checkLibp2p (value: unknown): void {
  if (value === undefined) return
  const isNode = typeof value === 'object' && value !== null &&
    LIBP2P_METHODS.every(name => typeof Reflect.get(value, name) === 'function')
  if (!isNode) throw new TypeError(`createNode: libp2p is a libp2p node; got ${shown(value)}`)
}

/** A wrong value in a few characters: what it is, not all that is in it. */
function shown (value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return `"${value.slice(0, 40)}"`
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object'
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value
}
