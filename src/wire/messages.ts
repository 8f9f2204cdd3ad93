// The messages of PROTOCOL.md as values: one union, `type` tells which. The codec makes and reads them; nothing else
// in the library knows protobuf.

export interface HelloMessage {
  readonly type: 'hello'
  readonly proof: Uint8Array
  readonly features: number
  readonly encodings: readonly number[]
  readonly mode: number
  readonly tree: boolean
  readonly token: Uint8Array
}
export interface AttachMessage { readonly type: 'attach', readonly token: Uint8Array }
export interface HoldingsMessage {
  readonly type: 'holdings'
  readonly blocks: number
  readonly all: boolean
  /** Empty when `all`, or when nothing is held. */
  readonly bits: Uint8Array
  /** Empty when everything is wanted. */
  readonly unwanted: Uint8Array
}
export interface HaveMessage {
  readonly type: 'have'
  readonly indexes: readonly number[]
  /** How long blocks from the receiver of this message queued on their way lately, in ms. */
  readonly queuedMs?: number | undefined
  /** Blocks that are coming in: they may be asked for, and are given once they are held. Absent for none. */
  readonly coming?: readonly number[] | undefined
}
export interface WantMessage {
  readonly type: 'want'
  readonly upTo: number
  /** Mode messages that its sender had read. */
  readonly modes: number
}
export interface ModeMessage { readonly type: 'mode', readonly mode: number, readonly given: number }
export interface RequestMessage {
  readonly type: 'request'
  readonly indexes: readonly number[]
  readonly cids: readonly Uint8Array[]
  /** Bytes of nodes below `cids` that may come unasked, on top of what earlier requests allowed. Default: 0. */
  readonly belowBytes?: number
}
export interface BlockMessage {
  readonly type: 'block'
  readonly index: number
  /** Set for a tree node, in place of the index. */
  readonly cid: Uint8Array | undefined
  readonly payloadBytes: number
  readonly encoding: number
  /** The sender's clock when it handed the block over, in ms modulo 2^32. */
  readonly sentMs?: number | undefined
}
export interface RejectMessage {
  readonly type: 'reject'
  readonly indexes: readonly number[]
  readonly cids: readonly Uint8Array[]
  readonly reason: number
  readonly retryAfterMs: number
}
export interface CancelMessage { readonly type: 'cancel', readonly indexes: readonly number[] }
export interface PeersMessage { readonly type: 'peers', readonly records: readonly Uint8Array[] }
export interface AliveMessage { readonly type: 'alive', readonly answer: boolean }
export interface ByeMessage { readonly type: 'bye', readonly reason: number }

export type Message =
  | HelloMessage | AttachMessage | HoldingsMessage | HaveMessage | WantMessage | ModeMessage | RequestMessage
  | BlockMessage | RejectMessage | CancelMessage | PeersMessage | AliveMessage | ByeMessage
