/** Raw bytes of a pull by where they came from; with what was there before they add up to the model's bytes. */
export interface ByteOrigins {
  /** From other nodes. */
  peers: number
  /** From central servers. */
  origins: number
  /** Copied from other files on this machine. */
  local: number
}

/** What a pull reports while it works. An event is a value: keep it, send it on, it never changes. */
export type PullEvent =
  /** The node listens; nothing has been dialled yet. */
  | { readonly type: 'started', readonly root: string, readonly addrs: readonly string[] }
  /** The whole tree is here and verified: what the model consists of is known. */
  | {
    readonly type: 'resolved',
    readonly root: string,
    readonly files: number,
    readonly bytes: number,
    readonly blocks: number,
    /** Of `files` and `bytes`, what is to be pulled: all of it unless `include` chooses. */
    readonly wantedFiles: number,
    readonly wantedBytes: number
  }
  /**
   * At most every 250 ms. `bytes` are verified bytes of files on disk, earlier runs included; `total` their final
   * sum. While it is looked at what earlier runs left, `bytes` are those found so far.
   */
  | PullProgress
  /**
   * Something a person may want to know and need not act on: a peer that misbehaved, an address that did not answer.
   */
  | { readonly type: 'note', readonly root: string, readonly message: string }
  /** All files are complete, verified and closed. */
  | PullDone

export interface PullProgress {
  readonly type: 'progress'
  readonly root: string
  readonly bytes: number
  readonly total: number
  /** Peers connected for this model. */
  readonly peers: number
  /** Of those, how many hold every block. */
  readonly seeders: number
  readonly from: Readonly<ByteOrigins>
  /** Of `from.peers`, what the publisher itself sent. */
  readonly fromPublisher: number
  /** Bytes a second that came, averaged over the last few seconds; what was there before is not among them. */
  readonly rateInBytesPerSec: number
  readonly rateOutBytesPerSec: number
  /** Undefined until a rate is known. */
  readonly secondsLeft: number | undefined
  /** Only while it is looked at what is there already: how many bytes of it have been, good or not. */
  readonly checkedBytes?: number
}

export interface PullDone {
  readonly type: 'done'
  readonly root: string
  readonly bytes: number
  /** From parsing the link to closing the last file. */
  readonly seconds: number
  /** Bytes that were already in the target, verified. `bytes` = held + from.peers + from.origins + from.local. */
  readonly held: number
  readonly from: Readonly<ByteOrigins>
  readonly fromPublisher: number
  /** Payload of blocks and tree received, as sent, without frame headers. */
  readonly wireBytes: number
}

/** What publishing reports while it works. */
export type PublishEvent =
  | { readonly type: 'hashing', readonly path: string, readonly bytes: number, readonly total: number }
  /** Something that was left out or replaced, in words. */
  | { readonly type: 'note', readonly message: string }
