/** Control stream of one peer and one root: Hello first, then everything but blocks. The number is the version. */
export const CONTROL_PROTOCOL = '/modelswarm/control/1'
/** Data stream of the same pair: Attach first, then blocks, both ways. */
export const DATA_PROTOCOL = '/modelswarm/data/1'

/** How a peer serves blocks. Unknown values are read as `open`. */
export const Mode = {
  /** Ask for what you like. */
  open: 0,
  /** A publisher in its first pass: grant bytes with Want, the publisher chooses blocks; requests are rejected. */
  choosing: 1,
  /** A publisher after its pass: ask only for what no other known holder has room for. */
  spare: 2,
  /** Serves no blocks (a publisher with `open: 'never'` after its pass). */
  closed: 3
} as const
export type Mode = typeof Mode[keyof typeof Mode]

export function modeOf (value: number): Mode {
  return value === Mode.choosing || value === Mode.spare || value === Mode.closed ? value : Mode.open
}

/** Why a request is not answered. Unknown values are read as `busy`. */
export const RejectReason = {
  /** Not held here (any more). */
  notHeld: 0,
  /** Too much is queued for you; ask again after retryAfterMs. */
  busy: 1,
  /** Reading it failed here. */
  unreadable: 2,
  /** This publisher is choosing: use Want. */
  choosing: 3,
  /** Not allowed by this peer's rules; reserved for grants. */
  forbidden: 4
} as const
export type RejectReason = typeof RejectReason[keyof typeof RejectReason]

/** Why a session ends. Unknown values are read as `stopping`. */
export const ByeReason = {
  stopping: 0,
  /** The root in Hello is not known here. */
  unknownRoot: 1,
  /** The two sides opened a session each; this one is given up. */
  duplicate: 2,
  /** No room for another peer. */
  full: 3,
  /** The other side broke the protocol. */
  protocolError: 4,
  /** Blocks from the other side did not hash to their names. */
  badBlocks: 5,
  /** The other side is refused for a while because of what it did before. */
  refused: 6
} as const
export type ByeReason = typeof ByeReason[keyof typeof ByeReason]

/** Bits of `features` in Hello. Unknown bits are ignored. */
export const Feature = {
  /** The opener knows few peers of this model and asks to be told of others. */
  wantsPeers: 1
} as const

/** The encoding of a payload that is the block's own bytes. Others are reserved. */
export const IDENTITY_ENCODING = 0
