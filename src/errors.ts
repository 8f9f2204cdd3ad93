/**
 * Whose fault a failure is. The scheduler reads this, never the text: only a peer's or an origin's fault costs it
 * score.
 */
export type Blame = 'self' | 'peer' | 'origin' | 'caller'

/**
 * Every error code with whom it blames. A code is stable: applications may switch on it.
 * `self` is this machine (disk, memory, state), `caller` is who called us or typed the command.
 */
export const ERROR_BLAME = {
  // what the caller gave us
  ERR_BAD_OPTION: 'caller',
  ERR_BAD_LINK: 'caller',
  ERR_PATH_NOT_FOUND: 'caller',
  ERR_PATH_EMPTY: 'caller',
  ERR_PATH_KIND: 'caller',
  ERR_PATH_PERMISSION: 'caller',
  ERR_TARGET_DIFFERS: 'caller',
  ERR_TARGET_BUSY: 'caller',
  ERR_UNKNOWN_ROOT: 'caller',
  ERR_INCLUDE_EMPTY: 'caller',
  ERR_STOPPED: 'caller',
  // this machine
  ERR_NO_SPACE: 'self',
  ERR_DISK: 'self',
  ERR_FILE_CHANGED: 'self',
  ERR_STATE_VERSION: 'self',
  ERR_STATE_DAMAGED: 'self',
  ERR_LISTEN: 'self',
  ERR_SAME_IDENTITY: 'self',
  // what a model's tree says
  ERR_BAD_TREE: 'peer',
  ERR_TREE_LIMIT: 'peer',
  ERR_UNSUPPORTED_TREE: 'peer',
  ERR_UNSAFE_NAME: 'peer',
  // peers
  ERR_BAD_BLOCK: 'peer',
  ERR_BAD_FRAME: 'peer',
  ERR_PROTOCOL: 'peer',
  ERR_FLOOD: 'peer',
  ERR_BAD_RECORD: 'peer',
  ERR_VERSION: 'peer',
  ERR_PEER_LOST: 'peer',
  ERR_NOT_HELD: 'peer',
  // nobody could help in time
  ERR_GAVE_UP: 'peer'
} as const satisfies Record<string, Blame>

export type ErrorCode = keyof typeof ERROR_BLAME

/** Facts of a failure, for programs; the message carries them for people. */
export interface ErrorDetails {
  cause?: unknown
  /** CID of the block or tree node the failure is about. */
  blockId?: string
  /** Peer id or origin the failure came from. */
  sourceId?: string
  /** File, folder or name the failure is about. Never sent to a peer. */
  path?: string
  expected?: string | number
  received?: string | number
}

/**
 * The one error class of this library. `code` says what happened, `blame` whose fault it is, `message` what was
 * attempted, on what, what was seen, and what to do. Misuse of the API (a wrong type) is a TypeError or RangeError.
 */
export class ModelswarmError extends Error {
  readonly code: ErrorCode
  readonly blame: Blame
  readonly details: Readonly<ErrorDetails>

  constructor (code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'ModelswarmError'
    this.code = code
    this.blame = ERROR_BLAME[code]
    this.details = details
  }
}

/** True for an error of this library with one of these codes (any code when none is given). */
export function isModelswarmError (err: unknown, ...codes: ErrorCode[]): err is ModelswarmError {
  return err instanceof ModelswarmError && (codes.length === 0 || codes.includes(err.code))
}

/** The system error code (`ENOENT`, `EACCES`, …) of an unknown error, or undefined when it has none. */
export function systemCode (err: unknown): string | undefined {
  if (err instanceof Error && 'code' in err && typeof err.code === 'string') return err.code
  return undefined
}
