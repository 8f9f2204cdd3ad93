import { ModelswarmError } from '../errors.ts'
import { shownText } from './shown-text.ts'

/** What a file is called while it is incomplete: NAME + this. */
export const PART_SUFFIX = '.modelswarm-part'
/** The folder name that this library keeps for itself. */
export const OWN_NAME = '.modelswarm'

/** File systems allow 255 bytes a name; the part suffix needs its room. */
const MAX_NAME_BYTES = 255 - PART_SUFFIX.length
/** The least that any system of ours allows a whole path (macOS PATH_MAX). */
const MAX_PATH_BYTES = 1024

// Windows: "Naming Files, Paths, and Namespaces" (learn.microsoft.com); a device keeps its name under any extension
const DEVICE_NAME = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\..*)?$/iu
const DRIVE_LETTER = /^[a-z]:/iu
const CONTROL = /\p{Cc}/u
const LONE_SURROGATE = /\p{Cs}/u

/** The paths of a model; a Manifest is one. */
export interface ModelPaths {
  readonly files: readonly { readonly path: string }[]
  readonly emptyFolders: readonly string[]
}

/**
 * Refuses paths that could leave the target folder, hit a device or one another, or that cannot be written on every
 * system this library runs on. For trees that are pulled, and before publishing, so that nobody publishes what nobody
 * can pull. The root itself may be an empty folder: the path ''.
 *
 * @throws ModelswarmError ERR_UNSAFE_NAME naming the path and the reason
 */
export function checkNames ({ files, emptyFolders }: ModelPaths): void {
  const seen = new SeenPaths()
  for (const { path } of files) checkPath(path, 'file', seen)
  for (const path of emptyFolders) if (path !== '') checkPath(path, 'folder', seen)
}

/**
 * Refuses one name of a folder by itself; `path` is where it stands, for the message.
 *
 * @throws ModelswarmError ERR_UNSAFE_NAME
 */
export function checkName (name: string, path: string): void {
  const fault = name.includes('/') ? 'has a slash in a name' : faultOf(name)
  if (fault !== undefined) throw unsafe(path, fault)
}

type Kind = 'file' | 'folder'

function checkPath (path: string, kind: Kind, seen: SeenPaths): void {
  if (utf8Bytes(path) > MAX_PATH_BYTES) throw unsafe(path, `is longer than ${MAX_PATH_BYTES} bytes`)
  for (const name of path.split('/')) {
    const fault = faultOf(name)
    if (fault !== undefined) throw unsafe(path, fault)
  }
  const clash = seen.add(path, kind)
  if (clash !== undefined) throw unsafe(path, clash)
}

/** Why a name cannot be used, or undefined. */
function faultOf (name: string): string | undefined {
  if (name === '') return 'has an empty name in it (or begins or ends with /)'
  if (name === '.' || name === '..') return `has the name ${name} in it`
  if (name.includes('\\')) return 'contains a backslash'
  if (CONTROL.test(name)) return 'contains a control character'
  // U+FFFD is what decoders put in place of bytes that are not UTF-8: the name on disk is another
  if (LONE_SURROGATE.test(name) || name.includes('\ufffd')) return 'is not valid Unicode'
  if (DRIVE_LETTER.test(name)) return 'begins with a drive letter'
  if (DEVICE_NAME.test(name.normalize('NFKC'))) return 'is the name of a device on Windows'
  if (name.endsWith('.') || name.endsWith(' ')) return 'has a name in it that ends in a dot or a space'
  const folded = fold(name)
  if (folded === OWN_NAME || folded.endsWith(PART_SUFFIX)) return 'has a name in it that modelswarm keeps for itself'
  if (utf8Bytes(name) > MAX_NAME_BYTES) return `has a name of more than ${MAX_NAME_BYTES} bytes in it`
  return undefined
}

/** Every path so far with the folders above it, by how a case-insensitive, normalising file system sees it. */
class SeenPaths {
  readonly #byFolded = new Map<string, { path: string, kind: Kind }>()

  /** Adds a path; why it clashes with an earlier one, or undefined. */
  add (path: string, kind: Kind): string | undefined {
    let at = path.indexOf('/')
    while (at !== -1) {
      const clash = this.#addOne(path.slice(0, at), 'folder', false)
      if (clash !== undefined) return clash
      at = path.indexOf('/', at + 1)
    }
    return this.#addOne(path, kind, true)
  }

  #addOne (path: string, kind: Kind, isWhole: boolean): string | undefined {
    const folded = fold(path)
    const other = this.#byFolded.get(folded)
    if (other === undefined) {
      this.#byFolded.set(folded, { path, kind })
      return undefined
    }
    const shown = shownText(other.path)
    if (other.path !== path) return `is the same as "${shown}" where case or Unicode form do not count`
    if (other.kind !== kind) return `is both a file and a folder ("${shown}")`
    return isWhole && kind === 'file' ? 'is there twice' : undefined
  }
}

/** Upper then lower case comes close to Unicode case folding (ß and ss, final sigma), which the language lacks. */
function fold (text: string): string {
  return text.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')
}

const encoder = new TextEncoder()

function utf8Bytes (text: string): number {
  return encoder.encode(text).byteLength
}

function unsafe (path: string, fault: string): ModelswarmError {
  return new ModelswarmError('ERR_UNSAFE_NAME',
    `The path "${shownText(path)}" in the model ${fault}; it cannot be written safely on every system`, { path })
}
