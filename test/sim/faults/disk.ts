import { ModelswarmError } from '../../../src/errors.ts'
import type { Trace } from './trace.ts'
import type { FileIdentity } from '../../../src/files/file-identity.ts'

// A machine's disk, which outlives its processes:
//
//   write returns ─► in memory ─sync─► on the platter
//
// A kill keeps what is in memory; a power cut what is on the platter, and of the rest some, some of it torn.

/** Bytes that are neither what was there before nor what was being written. */
const TORN = new Uint8Array(1)

export type DiskWork = 'read' | 'write' | 'sync' | 'state'

interface Write { readonly file: SimFile, readonly offset: number, readonly bytes: Uint8Array }

/** One file, by what lies at each block's offset. */
export class SimFile {
  readonly path: string
  readonly sizeBytes: number
  readonly inode: bigint
  readonly memory = new Map<number, Uint8Array>()
  readonly platter = new Map<number, Uint8Array>()
  /** Under its own name, no longer a part file. */
  isFinal = false
  isOnPlatter = false
  mtimeMs = 0
  ctimeMs = 0
  syncedMtimeMs = 0
  /** What a power cut left of its length; writing to it makes it whole again. */
  isShort = false

  constructor (path: string, sizeBytes: number, inode: number) {
    this.path = path
    this.sizeBytes = sizeBytes
    this.inode = BigInt(inode)
  }

  get identity (): FileIdentity {
    return {
      sizeBytes: this.isShort ? 0 : this.sizeBytes,
      mtimeNs: nsOf(this.mtimeMs),
      ctimeNs: nsOf(this.ctimeMs),
      inode: this.inode
    }
  }
}

/** A table of the state database: rows by the hex of their key. */
export type Rows = Map<string, Uint8Array>
export type Commit = ReadonlyArray<{
  readonly table: string
  readonly key: string
  readonly value: Uint8Array | undefined
}>

export class SimDisk {
  readonly files = new Map<string, SimFile>()
  /** As processes see it, and as it is on the platter; in between, commits in order. */
  readonly tables = new Map<string, Rows>()
  readonly #flushed = new Map<string, Rows>()
  #unflushed: Commit[] = []
  /** Writes that have not returned. */
  readonly writing = new Set<Write>()
  boots = 1
  /** Work of this kind fails until then. */
  readonly failsUntil = new Map<DiskWork, number>()
  /** ms that everything takes longer. */
  slowMs = 0
  readonly #random: () => number
  readonly #trace: Trace
  readonly #owner: string
  #inodes = 1

  constructor (owner: string, random: () => number, trace: Trace) {
    this.#owner = owner
    this.#random = random
    this.#trace = trace
  }

  create (path: string, sizeBytes: number): SimFile {
    const file = new SimFile(path, sizeBytes, this.#inodes++)
    this.files.set(path, file)
    return file
  }

  /** How long a piece of work takes; throws when it is to fail. */
  durationOf (work: DiskWork): number {
    const usual = work === 'sync' ? 5 + this.#random() * 20 : this.#random() * 2
    return usual + this.slowMs * this.#random()
  }

  check (work: DiskWork, now: number): void {
    if ((this.failsUntil.get(work) ?? 0) <= now) return
    this.#trace.count(`disk refuses a ${work}`, this.#owner)
    throw new ModelswarmError(work === 'write' || work === 'state' ? 'ERR_NO_SPACE' : 'ERR_DISK', `Cannot ${work}: simulated`)
  }

  commit (commit: Commit): void {
    apply(commit, this.tables)
    this.#unflushed.push(commit)
  }

  /** Everything committed is on the platter. */
  flush (): void {
    for (const commit of this.#unflushed.splice(0)) apply(commit, this.#flushed)
  }

  /** The process was killed: writes under way have happened, or not, or in part. */
  kill (): void {
    for (const { file, offset, bytes } of this.writing) {
      const luck = this.#random()
      if (luck < 0.4) file.memory.set(offset, bytes)
      else if (luck < 0.7 && !file.memory.has(offset)) file.memory.set(offset, TORN)
    }
    this.writing.clear()
  }

  /** The machine lost its power. */
  powerCut (): void {
    this.kill()
    this.boots++
    for (const [path, file] of this.files) {
      if (!file.isOnPlatter && this.#random() < 0.5) {
        this.files.delete(path)
        continue
      }
      for (const [offset, bytes] of file.memory) {
        const synced = file.platter.get(offset)
        if (synced === bytes) continue
        const luck = this.#random()
        if (luck < 0.4) continue
        if (luck < 0.5) file.memory.set(offset, TORN)
        else if (synced !== undefined) file.memory.set(offset, synced)
        else file.memory.delete(offset)
      }
      if (!file.isOnPlatter && this.#random() < 0.3) {
        file.isShort = true
        file.memory.clear()
      }
      // Nobody syncs the folder: the new name may be lost, the bytes are not.
      if (file.isFinal && this.#random() < 0.5) file.isFinal = false
      if (this.#random() < 0.5) file.mtimeMs = file.syncedMtimeMs
    }
    const kept = Math.floor(this.#random() * (this.#unflushed.length + 1))
    for (const commit of this.#unflushed.splice(0).slice(0, kept)) apply(commit, this.#flushed)
    this.tables.clear()
    for (const [name, rows] of this.#flushed) this.tables.set(name, new Map(rows))
  }

  /** What a write that failed left behind. */
  spoil (file: SimFile, offset: number): void {
    if (this.#random() < 0.5 && !file.memory.has(offset)) file.memory.set(offset, TORN)
  }
}

function apply (commit: Commit, tables: Map<string, Rows>): void {
  for (const { table, key, value } of commit) {
    const rows = tables.get(table) ?? new Map<string, Uint8Array>()
    tables.set(table, rows)
    if (value === undefined) rows.delete(key)
    else rows.set(key, value)
  }
}

function nsOf (ms: number): bigint {
  return BigInt(Math.round(ms * 1e6))
}
