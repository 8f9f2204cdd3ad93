import { bootId, sameBoot } from '../files/boot-id.ts'
import { Bitfield } from '../model/bitfield.ts'
import { keyOf, uint32 } from './keys.ts'
import { storedIdentity, StoredObject, toStored, unreadable } from './stored-json.ts'
import type { StateDatabase, Table } from './database.ts'
import type { HeldFile, HeldRecord } from '../files/held-record.ts'

//   root and target (32), 0              > JSON: root, target, bits, boot, time, files
//   root and target (32), 1, page (4)    > bits recorded
//   root and target (32), 2, page (4)    > bits synced: of the last checkpoint
//
// Recorded bits survive a killed process, synced bits a power cut (I2). Pages keep the cost of a record at what
// changed.

/** 4,000 bytes of bits: a model of a million blocks has 32 pages. Below LMDB's page of 4 KiB with its header. */
const PAGE_BYTES = 4000
const HEAD = new Uint8Array([0])
const RECORDED = new Uint8Array([1])
const SYNCED = new Uint8Array([2])

export interface HeldParts {
  /** Changes where the machine was restarted. Default: that of this machine. */
  bootId?: string
  /** Milliseconds since 1970. */
  now?: () => number
}

/** What this needs of the database. */
export interface HeldDatabase extends Pick<StateDatabase, 'together' | 'flushed'> {
  table: (name: string) => HeldTable
}
export type HeldTable = Pick<Table, 'get' | 'getRange' | 'put' | 'remove'>

/** What to record. */
export interface HeldState {
  /** Blocks whose writes have returned (I2). */
  readonly held: Bitfield
  /** The files they are in, looked at afterwards: Target.files. */
  readonly files: readonly HeldFile[]
}

export interface Checkpoint extends HeldState {
  /** Blocks that are on the disk: what Target.sync resolved to. */
  readonly synced: Bitfield
}

/** What is held of each root in each target folder. One process records a target at a time: the target's lock. */
export class Held {
  readonly #database: HeldDatabase
  readonly #table: HeldTable
  readonly #boot: string
  readonly #now: () => number
  /** Bits as this process wrote them last, by key and kind. */
  readonly #written = new Map<string, Uint8Array>()

  constructor (database: HeldDatabase, parts: HeldParts = {}) {
    this.#database = database
    this.#table = database.table('held')
    this.#boot = parts.bootId ?? bootId()
    this.#now = parts.now ?? Date.now
  }

  /**
   * What was recorded; undefined when nothing was, or for another number of blocks.
   *
   * @throws ModelswarmError ERR_STATE_DAMAGED
   */
  load (root: string, target: string, blockCount: number): HeldRecord | undefined {
    const key = keyFor(root, target)
    const bytes = this.#table.get(keyOf(key, HEAD))
    const head = bytes === undefined ? undefined : StoredObject.parse(bytes)
    if (head === undefined || head.whole('blockCount') !== blockCount) return undefined
    const held = this.#read(key, RECORDED, blockCount)
    const synced = this.#read(key, SYNCED, blockCount)
    return {
      held,
      trusted: sameBoot(head.text('boot'), this.#boot) ? held : synced,
      files: head.list('files').map(file => ({
        path: file.text('path'),
        complete: file.flag('complete'),
        identity: file.identity()
      })),
      recordedAtMs: head.whole('recordedAtMs')
    }
  }

  /** Records blocks whose writes have returned, and the files they are in as they were afterwards. Copies. */
  async record (root: string, target: string, state: HeldState): Promise<void> {
    await this.#write(root, target, { ...state, synced: undefined })
  }

  /**
   * Records as above, and that the blocks in `synced` are on the disk: take those from Target.sync. Resolves when
   * flushed.
   */
  async checkpoint (root: string, target: string, state: Checkpoint): Promise<void> {
    await this.#write(root, target, state)
    await this.#database.flushed()
  }

  /** Every root and target that something is recorded for. */
  * list (): Generator<{ readonly root: string, readonly target: string, readonly blockCount: number }> {
    for (const { key, value } of this.#table.getRange({})) {
      if (key.byteLength !== 33) continue
      const head = StoredObject.parse(value)
      yield { root: head.text('root'), target: head.text('target'), blockCount: head.whole('blockCount') }
    }
  }

  /** The targets that something of a root is recorded for. */
  targets (root: string): string[] {
    const targets = []
    const start = keyOf(root)
    for (const { key, value } of this.#table.getRange({ start, end: keyOf(start, new Uint8Array(22).fill(255)) })) {
      if (key.byteLength === 33) targets.push(StoredObject.parse(value).text('target'))
    }
    return targets
  }

  /** Forgets a root in one target, or in all. */
  async forget (root: string, target?: string): Promise<void> {
    for (const one of target === undefined ? this.targets(root) : [target]) {
      const start = keyFor(root, one)
      this.#forgetWritten(start)
      const keys: Uint8Array[] = []
      for (const { key } of this.#table.getRange({ start, end: keyOf(start, new Uint8Array([255])) })) keys.push(key)
      await this.#database.together(() => { for (const key of keys) this.#table.remove(key) })
    }
  }

  async #write (root: string, target: string, state: Written): Promise<void> {
    const key = keyFor(root, target)
    const head = toStored({
      root,
      target,
      blockCount: state.held.length,
      boot: this.#boot,
      recordedAtMs: this.#now(),
      files: state.files.map(({ path, complete, identity }) => ({ path, complete, ...storedIdentity(identity) }))
    })
    const recorded = state.held.toBytes()
    const synced = state.synced?.toBytes()
    try {
      await this.#database.together(() => {
        this.#table.put(keyOf(key, HEAD), head)
        this.#writePages(key, RECORDED, recorded)
        if (synced !== undefined) this.#writePages(key, SYNCED, synced)
        else if (!this.#written.has(writtenKey(key, SYNCED))) this.#writeSyncedOf(key, state.held)
      })
    } catch (err) {
      // None of it was written: the next record is of all pages.
      this.#forgetWritten(key)
      throw err
    }
  }

  #forgetWritten (key: Uint8Array): void {
    this.#written.delete(writtenKey(key, RECORDED))
    this.#written.delete(writtenKey(key, SYNCED))
  }

  /**
   * The first record of this process: a block recorded as synced before but found bad since must not be trusted
   * again.
   */
  #writeSyncedOf (key: Uint8Array, held: Bitfield): void {
    const synced = this.#read(key, SYNCED, held.length)
    for (const block of [...synced.indexes()]) if (!held.has(block)) synced.delete(block)
    this.#writePages(key, SYNCED, synced.toBytes())
  }

  /** Pages that differ from what this process wrote last; all of them the first time. */
  #writePages (key: Uint8Array, kind: Uint8Array, bytes: Uint8Array): void {
    const last = this.#written.get(writtenKey(key, kind))
    for (let page = 0; page * PAGE_BYTES < bytes.byteLength; page++) {
      const now = Buffer.from(bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES))
      if (last !== undefined && now.equals(last.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES))) continue
      this.#table.put(keyOf(key, kind, uint32(page)), now)
    }
    this.#written.set(writtenKey(key, kind), bytes)
  }

  #read (key: Uint8Array, kind: Uint8Array, blockCount: number): Bitfield {
    const bytes = new Uint8Array(Math.ceil(blockCount / 8))
    for (let page = 0; page * PAGE_BYTES < bytes.byteLength; page++) {
      const stored = this.#table.get(keyOf(key, kind, uint32(page)))
      const at = page * PAGE_BYTES
      if (stored === undefined) continue
      if (stored.byteLength !== Math.min(PAGE_BYTES, bytes.byteLength - at)) throw unreadable()
      bytes.set(stored, at)
    }
    try {
      return Bitfield.fromBytes(bytes, blockCount)
    } catch (err) {
      // RangeError: a bit behind the last block.
      throw unreadable(err)
    }
  }
}

interface Written extends HeldState {
  readonly synced: Bitfield | undefined
}

function keyFor (root: string, target: string): Uint8Array {
  return keyOf(keyOf(root), keyOf(target))
}

function writtenKey (key: Uint8Array, kind: Uint8Array): string {
  return Buffer.from(keyOf(key, kind)).toString('latin1')
}
