import type { Hash } from '../model/block-id.ts'

/** Time and chance, injected: real in a node, virtual and seeded in the simulator. */
export interface Clock {
  /** Milliseconds on a clock that never jumps. */
  now: () => number
  /** Calls `fn` once after `ms`; the function returned cancels it. Must not keep a process alive by itself. */
  setTimer: (ms: number, fn: () => void) => () => void
}

export interface SwarmParts {
  clock: Clock
  /** Uniform in [0, 1). */
  random: () => number
  hash: Hash
}

/** Where a swarm's blocks and tree nodes lie. Reads and writes that fail reject with a ModelswarmError. */
export interface BlockAccess {
  /** The bytes of a block that is held: file bytes, whatever its leaf kind. The buffer is handed over. */
  read: (block: number) => Promise<Uint8Array>
  /** A node of the tree by the bytes of its CID. */
  getNode: (cid: Uint8Array) => Uint8Array | undefined
  /**
   * A peer says that it got other bytes: reads and hashes the block wherever it lies, and gives up whatever shows
   * others. Resolves to whether the block is still here.
   */
  recheck?: (block: number) => Promise<boolean>
}

/**
 * Where a pull puts what a peer sent: resolves after the bytes were verified (I1) and their write returned (I2).
 * Rejects with ERR_BAD_BLOCK when they are not the block's. The buffer is handed over.
 */
export type KeepBlock = (block: number, bytes: Uint8Array, sourceId: string) => Promise<void>
