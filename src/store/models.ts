import { randomBytes } from 'node:crypto'
import { keyOf } from './keys.ts'
import { storedIdentity, StoredObject, toStored } from './stored-json.ts'
import type { StateDatabase, Table } from './database.ts'
import type { FileIdentity } from '../files/file-identity.ts'

/** A file of a model on this machine. */
export interface ModelRecordFile {
  /** Inside the model. */
  readonly path: string
  /** On this machine; for a published link, the link. */
  readonly absolute: string
  readonly identity: FileIdentity
}

/** A model that was published from or pulled to a path of this machine. */
export interface ModelRecord {
  readonly root: string
  readonly name: string
  /** Absolute: the file or folder published, or the folder pulled into. */
  readonly path: string
  readonly origin: 'published' | 'pulled'
  readonly totalBytes: number
  readonly blockCount: number
  readonly distinctBytes: number
  /** Of totalBytes, those held when the record was put. */
  readonly heldBytes: number
  /** Complete files. */
  readonly files: readonly ModelRecordFile[]
  /** Milliseconds since 1970. */
  readonly createdAtMs: number
}

const REVISION = new Uint8Array(1)

/** The models that this state folder knows: one record for each root and path. */
export class Models {
  readonly #database: StateDatabase
  readonly #table: Table
  readonly #revisions: Table

  constructor (database: StateDatabase) {
    this.#database = database
    this.#table = database.table('models')
    this.#revisions = database.table('revisions')
  }

  /**
   * Changes whenever any process changes a record: how a running node learns cheaply what `verify`, `pull` or `rm`
   * found and did meanwhile. A read of eight bytes.
   */
  get revision (): string {
    return Buffer.from(this.#revisions.get(REVISION) ?? REVISION).toString('hex')
  }

  /** All records, oldest first. */
  list (): ModelRecord[] {
    const records = []
    for (const { value } of this.#table.getRange({})) records.push(decode(value))
    return records.sort((a, b) => a.createdAtMs - b.createdAtMs)
  }

  /** The records of a root, one for each path it lies at, oldest first. */
  get (root: string): ModelRecord[] {
    const start = keyOf(root)
    const records = []
    for (const { value } of this.#table.getRange({ start, end: keyOf(start, new Uint8Array(17).fill(255)) })) {
      const record = decode(value)
      if (record.root === root) records.push(record)
    }
    return records.sort((a, b) => a.createdAtMs - b.createdAtMs)
  }

  /** Adds a record or replaces the one of the same root and path. */
  async put (record: ModelRecord): Promise<void> {
    await this.#database.together(() => {
      this.#table.put(keyFor(record), encode(record))
      this.#revise()
    })
  }

  /** The files of all records that `isIt` finds are believed with this identity from now on. */
  async setIdentity (identity: FileIdentity, isIt: (file: ModelRecordFile, root: string) => boolean): Promise<void> {
    await this.#database.exclusively(() => {
      for (const record of this.list()) {
        const files = record.files.map(file => isIt(file, record.root) ? { ...file, identity } : file)
        const isChanged = files.some((file, i) => file !== record.files[i])
        if (isChanged) this.#table.put(keyFor(record), encode({ ...record, files }))
      }
      this.#revise()
    })
  }

  /** Deletes the record of a root at one path, or at all. */
  async delete (root: string, path?: string): Promise<void> {
    const paths = path === undefined ? this.get(root).map(record => record.path) : [path]
    await this.#database.together(() => {
      for (const path of paths) this.#table.remove(keyFor({ root, path }))
      this.#revise()
    })
  }

  /** Inside a transaction. Random rather than counted: processes need not agree on an order. */
  #revise (): void {
    this.#revisions.put(REVISION, randomBytes(8))
  }
}

function keyFor ({ root, path }: Pick<ModelRecord, 'root' | 'path'>): Uint8Array {
  return keyOf(keyOf(root), keyOf(path))
}

function encode (record: ModelRecord): Uint8Array {
  return toStored({
    ...record,
    files: record.files.map(({ path, absolute, identity }) => ({ path, absolute, ...storedIdentity(identity) }))
  })
}

function decode (bytes: Uint8Array): ModelRecord {
  const stored = StoredObject.parse(bytes)
  return {
    root: stored.text('root'),
    name: stored.text('name'),
    path: stored.text('path'),
    origin: stored.text('origin') === 'published' ? 'published' : 'pulled',
    totalBytes: stored.whole('totalBytes'),
    blockCount: stored.whole('blockCount'),
    distinctBytes: stored.whole('distinctBytes'),
    heldBytes: stored.whole('heldBytes'),
    files: stored.list('files').map(file => ({
      path: file.text('path'),
      absolute: file.text('absolute'),
      identity: file.identity()
    })),
    createdAtMs: stored.whole('createdAtMs')
  }
}
