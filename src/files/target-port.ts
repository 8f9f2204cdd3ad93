import type { PlaceWriter } from './block-writer.ts'
import type { CheckBlock } from './existing-blocks.ts'
import type { FileIdentity } from './file-identity.ts'
import type { HeldFile, HeldRecord } from './held-record.ts'
import type { PartFiles } from './part-files.ts'
import type { FileReaders } from './reader.ts'
import type { Bitfield } from '../model/bitfield.ts'
import type { ManifestFile } from '../model/manifest.ts'

export interface VerifyExistingOptions {
  /** Tells whether bytes of a file are a block: the one door of I1. */
  check: CheckBlock
  /** What an earlier pull recorded of this root here. */
  record?: HeldRecord | undefined
  /** `bytes` of `total` have been looked at, `goodBytes` of them are the model's. */
  onProgress?: (event: { readonly bytes: number, readonly goodBytes: number, readonly total: number }) => void
  signal?: AbortSignal | undefined
}

/** The disk below a target: its part files, and the reading of complete ones. */
export type OpenPartFiles = Pick<PartFiles, 'write' | 'read' | 'sync' | 'identity' | 'drop' | 'putInPlace' | 'close'>
export type TargetReaders = Pick<FileReaders, 'read' | 'close'>

/** A file of the model, complete under its final name. */
export interface FinishedFile {
  readonly file: ManifestFile
  readonly absolute: string
  readonly identity: FileIdentity
}

/**
 * A folder that a model is pulled into, open and locked. Once `verifyExisting` has resolved, blocks are written in any
 * order; a file gets its final name when its last block is written and the file is synced.
 */
export interface Target {
  /** The folder, absolute and without links: the key of its record. */
  readonly dir: string
  /** Blocks of the wanted files. */
  readonly wanted: Bitfield
  /** Blocks whose write has returned in every wanted place (I2). Live: read it, never change it. */
  readonly held: Bitfield
  /** Bytes of the wanted files. */
  readonly totalBytes: number
  /** Of those, bytes in held blocks. */
  readonly heldBytes: number
  /** Bytes of wanted files that one block is, counting every place. */
  fileBytes: (block: number) => number
  verifyExisting: (options: VerifyExistingOptions) => Promise<Bitfield>
  write: (block: number, bytes: Uint8Array, writer?: PlaceWriter) => Promise<boolean>
  read: (block: number) => Promise<Uint8Array>
  lose: (block: number) => void
  sync: () => Promise<Bitfield>
  files: () => Promise<HeldFile[]>
  finish: () => Promise<FinishedFile[]>
  close: () => Promise<void>
}
