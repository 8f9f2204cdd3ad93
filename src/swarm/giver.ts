import { Bitfield } from '../model/bitfield.ts'
import type { Session } from './session.ts'

/** A peer as the giver sees it. */
export interface Receiver {
  readonly id: string
  readonly holdings: Bitfield
  readonly unwanted: Bitfield | undefined
}

/** The peer of a session as the giver sees it, once it has said what it holds. */
export function receiverOf (session: Session): Receiver | undefined {
  if (session.their.holdings === undefined) return undefined
  return { id: session.peerId, holdings: session.their.holdings, unwanted: session.their.unwanted }
}

/**
 * A publisher's pool: the blocks that no connected peer holds and that have not been given to one. Each block is given
 * once (SWARM-POLICY.md section 3); a block whose receivers all left before anybody else had it returns to the pool.
 * Pure. Its cost is one pass over the pool's words per block at worst, and O(blocks) when a peer comes or goes.
 */
export class Giver {
  readonly #pool: Bitfield
  readonly #holders: Uint16Array
  /** Blocks given to a peer that it has not announced yet. */
  readonly #pending = new Map<string, Set<number>>()
  /** Blocks given whose receiver is still the only one to hold them, and how many of those each peer has. */
  readonly #unspread = new Map<number, string>()
  readonly #backlog = new Map<string, number>()
  #cursor: number

  constructor (blockCount: number, random: () => number) {
    this.#pool = new Bitfield(blockCount)
    this.#pool.fill()
    this.#holders = new Uint16Array(blockCount)
    // Two publishers of one model start at different places, and each sees what the other's blocks became.
    this.#cursor = Math.floor(random() * this.#pool.words.length)
  }

  /** Blocks not given yet. */
  get left (): number {
    return this.#pool.count
  }

  /** How many blocks given to this peer nobody else holds yet: who passes them on soon has few, and is given more. */
  backlogOf (id: string): number {
    return this.#backlog.get(id) ?? 0
  }

  /** A peer that pulls, or has pulled, appears with what it holds. Other publishers are not told of here. */
  join (receiver: Receiver): void {
    this.#pending.set(receiver.id, new Set())
    for (const block of receiver.holdings.indexes()) this.#hold(block)
  }

  /** A peer has announced a block for the first time. */
  onHave (id: string, block: number): void {
    this.#pending.get(id)?.delete(block)
    this.#hold(block)
  }

  /** A peer has left: what only it held or was given returns to the pool. */
  leave (receiver: Receiver): void {
    const pending = this.#pending.get(receiver.id) ?? new Set()
    this.#pending.delete(receiver.id)
    this.#backlog.delete(receiver.id)
    for (const [block, id] of this.#unspread) if (id === receiver.id) this.#unspread.delete(block)
    for (const block of receiver.holdings.indexes()) {
      this.#holders[block] = (this.#holders[block] ?? 1) - 1
      if (this.#holders[block] === 0 && !this.#isPending(block)) this.#pool.add(block)
    }
    for (const block of pending) {
      if ((this.#holders[block] ?? 0) === 0 && !this.#isPending(block)) this.#pool.add(block)
    }
  }

  /** True when the pool has a block for this peer. */
  hasFor (receiver: Receiver): boolean {
    return this.#find(receiver, Infinity) !== undefined
  }

  /** The next block for this peer, of at most `maxBytes`; it leaves the pool. */
  give (receiver: Receiver, maxBytes: number, sizeOf: (block: number) => number): number | undefined {
    const block = this.#find(receiver, maxBytes, sizeOf)
    if (block === undefined) return undefined
    this.#pool.delete(block)
    this.#cursor = block >>> 5
    this.#pending.get(receiver.id)?.add(block)
    this.#unspread.set(block, receiver.id)
    this.#backlog.set(receiver.id, this.backlogOf(receiver.id) + 1)
    return block
  }

  /** A block that could not be given can be again. */
  restore (block: number): void {
    if (this.#holders[block] === 0 && !this.#isPending(block)) this.#pool.add(block)
  }

  /** A block was not given after all: it could not be read. It is not in the pool. */
  takeBack (id: string, block: number): void {
    this.#pending.get(id)?.delete(block)
    if (this.#unspread.get(block) === id) this.#spread(block)
  }

  /** A block cannot be given any more. */
  drop (block: number): void {
    this.#pool.delete(block)
  }

  #hold (block: number): void {
    const holders = (this.#holders[block] ?? 0) + 1
    this.#holders[block] = holders
    this.#pool.delete(block)
    if (holders > 1) this.#spread(block)
  }

  #spread (block: number): void {
    const id = this.#unspread.get(block)
    if (id === undefined) return
    this.#unspread.delete(block)
    const backlog = this.#backlog.get(id)
    if (backlog !== undefined) this.#backlog.set(id, backlog - 1)
  }

  #isPending (block: number): boolean {
    for (const given of this.#pending.values()) if (given.has(block)) return true
    return false
  }

  #find (receiver: Receiver, maxBytes: number, sizeOf?: (block: number) => number): number | undefined {
    const words = this.#pool.words
    for (let i = 0; i < words.length; i++) {
      const at = this.#cursor + i < words.length ? this.#cursor + i : this.#cursor + i - words.length
      let word = ((words[at] ?? 0) & ~(receiver.holdings.words[at] ?? 0) & ~(receiver.unwanted?.words[at] ?? 0)) >>> 0
      while (word !== 0) {
        const block = at * 32 + 31 - Math.clz32(word & -word)
        if (sizeOf === undefined || sizeOf(block) <= maxBytes) return block
        word = (word & (word - 1)) >>> 0
      }
    }
    return undefined
  }
}
