import { ModelswarmError } from '../errors.ts'
import type { FileIdentity } from '../files/file-identity.ts'

/** Reads a value that this program stored as JSON, field by field; anything else than expected is ERR_STATE_DAMAGED. */
export class StoredObject {
  readonly #value: object

  constructor (value: unknown) {
    if (typeof value !== 'object' || value === null) throw unreadable()
    this.#value = value
  }

  static parse (bytes: Uint8Array): StoredObject {
    let value: unknown
    try {
      value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
    } catch (err) {
      throw unreadable(err)
    }
    return new StoredObject(value)
  }

  text (name: string): string {
    const value = this.#field(name)
    if (typeof value !== 'string') throw unreadable()
    return value
  }

  whole (name: string): number {
    const value = this.#field(name)
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw unreadable()
    return value
  }

  flag (name: string): boolean {
    const value = this.#field(name)
    if (typeof value !== 'boolean') throw unreadable()
    return value
  }

  list (name: string): StoredObject[] {
    const value = this.#field(name)
    if (!Array.isArray(value)) throw unreadable()
    return value.map(item => new StoredObject(item))
  }

  identity (): FileIdentity {
    return {
      sizeBytes: this.whole('sizeBytes'),
      mtimeNs: this.#big('mtimeNs'),
      ctimeNs: this.#big('ctimeNs'),
      inode: this.#big('inode')
    }
  }

  #big (name: string): bigint {
    const text = this.text(name)
    if (!/^-?\d{1,20}$/.test(text)) throw unreadable()
    return BigInt(text)
  }

  #field (name: string): unknown {
    return Object.getOwnPropertyDescriptor(this.#value, name)?.value
  }
}

/** JSON as bytes; bigint as text. */
export function toStored (value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value, (_key, field: unknown) => typeof field === 'bigint' ? field.toString() : field))
}

/** The fields of an identity as StoredObject.identity reads them. */
export function storedIdentity ({ sizeBytes, mtimeNs, ctimeNs, inode }: FileIdentity): FileIdentity {
  return { sizeBytes, mtimeNs, ctimeNs, inode }
}

/** The error for a stored value that is not as this program writes it. */
export function unreadable (cause?: unknown): ModelswarmError {
  return new ModelswarmError('ERR_STATE_DAMAGED',
    'Cannot read the state: a record is not as this program writes it; move "db" in the state folder away', { cause })
}
