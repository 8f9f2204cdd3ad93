import type { PublishEvent, PullDone, PullEvent } from './events.ts'
import type { Libp2p } from '@libp2p/interface'

// What an application sees: the contract of DESIGN.md, section 6, in types. node.ts implements Node, collection.ts
// implements Collection; a change here is a line in CHANGELOG.md.

/** Options of createNode. Every default is in defaults.ts. */
export interface NodeOptions {
  /** State folder: identity, index, what is held. Shared by any number of processes. */
  dir: string
  /** Multiaddrs to listen on. Default: /ip4/0.0.0.0/tcp/0. Ignored with `libp2p`. */
  listen?: string[]
  /** Multiaddrs under which others reach this node, beside the ones it listens on. Ignored with `libp2p`. */
  announce?: string[]
  /**
   * Find peers on the local network without any hint. Default: false. Never runs on loopback. Ignored with `libp2p`.
   */
  mdns?: boolean
  /** The application's own libp2p node, started; it stays the application's to stop. */
  libp2p?: Libp2p
  /**
   * What a publisher does once it has given each block once. `spare` (default): serve a block that no other known
   * holder has room for; `always`: serve whatever is asked; `never`: nothing more.
   */
  open?: OpenPolicy
  /** Peer ids this node must not have: the next free identity is taken instead. Ignored with `libp2p`. */
  avoidPeerIds?: string[]
  /** Something a person may want to know about the node itself, e.g. that it took a new identity. */
  onNote?: (message: string) => void
  signal?: AbortSignal
}

export type OpenPolicy = 'spare' | 'always' | 'never'

export interface PublishOptions {
  onProgress?: (event: PublishEvent) => void
  signal?: AbortSignal
}

/** A model that this node has published and serves. */
export interface PublishedModel {
  readonly root: string
  readonly link: string
  readonly bytes: number
  /** Distinct blocks. */
  readonly blocks: number
  readonly files: readonly ModelFile[]
}

export interface ModelFile {
  readonly path: string
  readonly bytes: number
}

export interface PullOptions {
  /** Multiaddrs of peers to ask, beside the link's hints; with or without /p2p/ID. Retried until `giveUpSeconds`. */
  peers?: string[]
  /** Globs over the paths inside the model: only files that match one are pulled. Default: all. */
  include?: string[]
  /** Replace files in the target whose bytes differ. Default: refuse, naming them. */
  force?: boolean
  /** End with ERR_GAVE_UP when no verified byte arrived for so long; more than 0. Default: 60. */
  giveUpSeconds?: number
  onProgress?: (event: PullEvent) => void
  signal?: AbortSignal
}

/** A model that this node has pulled, and serves as long as it runs. */
export interface PulledModel extends Omit<PullDone, 'type'> {
  /** The folder its files lie in. */
  readonly dir: string
  readonly files: readonly ModelFile[]
}

export interface LingerOptions {
  /** At most so long. */
  seconds: number
  signal?: AbortSignal
}

export interface Node {
  readonly peerId: string
  /** Where this node can be reached, each with /p2p/ID. */
  readonly addrs: readonly string[]
  /** Payload of blocks and tree handed to sockets so far, as sent. */
  readonly sentBytes: number
  /** Indexes a file or folder where it lies, without a copy, and serves it until stop. */
  publish: (path: string, options?: PublishOptions) => Promise<PublishedModel>
  /**
   * Pulls a model into a folder; files land directly in it. Resolves when all are complete and verified; then serves.
   */
  pull: (link: string, dir: string, options?: PullOptions) => Promise<PulledModel>
  /** Resolves when no connected peer lacks blocks of this model any more, or the time is over. */
  linger: (root: string, options: LingerOptions) => Promise<void>
  /** How far the swarm of a model that this node serves or pulls has come, as far as its peers have said. */
  swarm: (root: string) => SwarmState | undefined
  /** What a link, a root or a path holds: from this machine where possible, else the tree is fetched from peers. */
  inspect: (linkOrRootOrPath: string, options?: InspectOptions) => Promise<Inspection>
  /** Stops serving and pulling and releases everything. Twice is fine. */
  stop: () => Promise<void>
}

export interface SwarmState {
  /** Peers connected for this model. */
  readonly peers: number
  /** Of those, how many hold every block. */
  readonly seeders: number
  /** Blocks held by the peers over blocks there are, 0 to 1; 1 when there are no peers. */
  readonly complete: number
  /** Payload that this node sent for this model, over the model's bytes. */
  readonly copiesSent: number
  readonly sentBytes: number
}

export interface InspectOptions {
  peers?: string[]
  giveUpSeconds?: number
  /**
   * List the tensors of each file too. Headers of files that are not on this machine are fetched from peers, if their
   * names end in .safetensors or .gguf: nothing else of the model, and up to 16 MiB of each. Default: false.
   */
  tensors?: boolean
  /** What is waited for, and of which files no tensors are listed and why. */
  onNote?: (message: string) => void
  signal?: AbortSignal
}

export interface Inspection {
  readonly root: string
  readonly bytes: number
  readonly blocks: number
  readonly files: readonly InspectedFile[]
}

export interface InspectedFile extends ModelFile {
  readonly blocks: number
  /** Present for a safetensors or GGUF file when asked for; absent when its header breaks the format. */
  readonly tensors?: readonly InspectedTensor[]
  /**
   * True when tensors were asked for and the header could not be had: it is not on this machine, and nobody gave it, or
   * it is too large to be fetched.
   */
  readonly isHeaderMissing?: boolean
}

export interface InspectedTensor {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: number
  /** How many blocks carry its bytes. */
  readonly blocks: number
}

/** A model as the state folder knows it. */
export interface ModelSummary {
  readonly root: string
  readonly name: string
  /** File or folder its files lie in. */
  readonly path: string
  readonly bytes: number
  /** Bytes held, verified when written or indexed, of files that are still the same: size, times and inode. */
  readonly heldBytes: number
  readonly origin: 'published' | 'pulled'
  /** True for a pull that has not ended: it runs, or was broken off and goes on when it is called again. */
  readonly isUnfinished?: boolean
}

export interface Verification {
  readonly root: string
  /** How many copies were looked at: a root may lie in several places of this machine. */
  readonly copies: number
  /** Of all of them. */
  readonly bytes: number
  readonly goodBytes: number
  /**
   * Files that are not the model's, by path inside the model. `blocks` are missing or wrong; 0 when the file only has
   * bytes after its end, or is empty and gone.
   */
  readonly bad: readonly { readonly path: string, readonly blocks: number }[]
  /** True when only some of the model's files are here: the others were not asked for when it was pulled. */
  readonly isPart: boolean
}

export interface VerifyOptions {
  onProgress?: (event: { readonly bytes: number, readonly total: number }) => void
  signal?: AbortSignal
}

export interface CollectionOptions {
  /** The state folder. */
  dir: string
  /** Make the folder when it is not there. Default: true. False: it stays away, and nothing is known or inspected. */
  create?: boolean
  signal?: AbortSignal
}

/** What a state folder holds, without a network: for `ls`, `verify`, `inspect` and `rm`. */
export interface Collection {
  list: () => Promise<ModelSummary[]>
  inspect: (rootOrPath: string, options?: { tensors?: boolean, signal?: AbortSignal }) => Promise<Inspection>
  /**
   * Re-hashes every byte of a model that lies on this machine. A path must have been published or pulled.
   *
   * @throws ModelswarmError ERR_UNKNOWN_ROOT when nothing complete is recorded of it, with what is; ERR_PATH_NOT_FOUND,
   *   ERR_PATH_PERMISSION, ERR_BAD_LINK, ERR_DISK, ERR_STOPPED; the signal's reason when aborted
   */
  verify: (rootOrPath: string, options?: VerifyOptions) => Promise<Verification>
  /**
   * Forgets a model; its files stay.
   *
   * @throws ModelswarmError ERR_UNKNOWN_ROOT; ERR_TARGET_BUSY while a process pulls it; ERR_BAD_LINK, ERR_DISK
   */
  forget: (root: string) => Promise<void>
  close: () => Promise<void>
}
