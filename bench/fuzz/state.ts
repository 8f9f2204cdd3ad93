// What a state folder gives back: ours, but disks and people damage it. Records go through a real database.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isModelswarmError } from '../../src/errors.ts'
import { Bitfield } from '../../src/model/bitfield.ts'
import { PageWriter } from '../../src/store/block-pages.ts'
import { checkDatabaseFile } from '../../src/store/database-file.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import { encodeFileRecord } from '../../src/store/file-record.ts'
import { Held } from '../../src/store/held.ts'
import { keyOf, uint32 } from '../../src/store/keys.ts'
import { Models } from '../../src/store/models.ts'
import { indexKey, pageKey, pathKey } from '../../src/store/place-keys.ts'
import { Places } from '../../src/store/places.ts'
import { storedIdentity, toStored } from '../../src/store/stored-json.ts'
import { concat } from './bytes.ts'
import { bendJson } from './json.ts'
import type { FileIdentity } from '../../src/files/file-identity.ts'
import type { Random } from '../random.ts'
import type { Decoder } from './decoder.ts'

const isRefusal = (err: unknown): boolean => isModelswarmError(err, 'ERR_STATE_DAMAGED')
const ROOT = 'root'
const DIR = '/target'
const BLOCKS = 100
const DIGEST = new Uint8Array(32).fill(7)

/** Decoders over one database in this folder, which `close` of any of them closes. */
export async function stateDecoders (dir: string): Promise<Decoder[]> {
  const database = await openDatabase(join(dir, 'state'))
  const close = async (): Promise<void> => { await database.close() }
  const bend = (bytes: Uint8Array, random: Random): Uint8Array => {
    try {
      return Buffer.from(JSON.stringify(bendJson(JSON.parse(Buffer.from(bytes).toString()), random)))
    } catch (err) {
      if (err instanceof SyntaxError) return bytes
      throw err
    }
  }

  const models = new Models(database)
  const modelsTable = database.table('models')
  const model: Decoder = {
    name: 'stored model',
    make: random => toStored({
      root: ROOT,
      name: random.text('ab', 5),
      path: DIR,
      origin: random.pick(['published', 'pulled']),
      totalBytes: random.next(),
      blockCount: random.below(100),
      distinctBytes: random.next(),
      heldBytes: random.next(),
      files: Array.from({ length: random.below(3) }, (_, i) => ({ path: `f${i}`, absolute: `/x/f${i}`, ...anyIdentity(random) })),
      createdAtMs: random.next()
    }),
    bend,
    decode: async input => {
      await database.together(() => { modelsTable.put(keyOf(keyOf(ROOT), keyOf(DIR)), input) })
      models.get(ROOT)
    },
    isRefusal,
    close
  }

  const held = new Held(database, { bootId: 'boot' })
  const heldTable = database.table('held')
  const heldKey = keyOf(keyOf(ROOT), keyOf(DIR))
  const heldHead: Decoder = {
    name: 'stored record of what is held',
    make: random => toStored({
      root: ROOT,
      target: DIR,
      blockCount: BLOCKS,
      boot: random.pick(['boot', 'other']),
      recordedAtMs: random.next(),
      files: Array.from({ length: random.below(3) }, (_, i) => ({ path: `f${i}`, complete: random.chance(0.5), ...anyIdentity(random) }))
    }),
    bend,
    decode: async input => {
      await database.together(() => { heldTable.put(keyOf(heldKey, Uint8Array.of(0)), input) })
      held.targets(ROOT)
      held.load(ROOT, DIR, BLOCKS)
    },
    isRefusal
  }

  const heldHeadBytes = toStored({ root: ROOT, target: 'pages', blockCount: BLOCKS, boot: 'boot', recordedAtMs: 1, files: [] })
  const pagesKey = keyOf(keyOf(ROOT), keyOf('pages'))
  const heldPage: Decoder = {
    name: 'stored bits of what is held',
    make: random => {
      const bits = new Bitfield(BLOCKS)
      for (let i = random.below(40); i > 0; i--) bits.add(random.below(BLOCKS))
      return bits.toBytes()
    },
    decode: async input => {
      await database.together(() => {
        heldTable.put(keyOf(pagesKey, Uint8Array.of(0)), heldHeadBytes)
        heldTable.put(keyOf(pagesKey, Uint8Array.of(1), uint32(0)), input)
      })
      held.load(ROOT, 'pages', BLOCKS)
    },
    isRefusal
  }

  const places = new Places(database)
  const [files, paths, blocks, index] = ['files', 'paths', 'blocks', 'index'].map(name => database.table(name))
  /** A file record behind its length in two bytes, then a page of its blocks. */
  const place: Decoder = {
    name: 'stored place',
    make: random => {
      const writer = new PageWriter()
      for (let i = random.below(4); i >= 0; i--) writer.add(i === 0 ? DIGEST : random.bytes(32), random.next())
      const record = encodeFileRecord({
        path: '/x/f',
        leaf: random.pick(['raw', 'wrapped']),
        complete: true,
        blockCount: writer.count,
        identity: anyIdentity(random)
      })
      const length = Uint8Array.of(record.byteLength >> 8, record.byteLength & 0xff)
      return concat(length, record, writer.rest() ?? new Uint8Array(0))
    },
    decode: async input => {
      const end = 2 + (input[0] ?? 0) * 256 + (input[1] ?? 0)
      await database.together(() => {
        files?.put(uint32(1), input.subarray(2, end))
        paths?.put(pathKey('/x/f', 1), new Uint8Array(0))
        blocks?.put(pageKey(1, 0), input.subarray(end))
        index?.put(indexKey(DIGEST, 1), input.subarray(0, 4))
      })
      places.find(DIGEST)
      return places.filesAt('/x/f').map(({ fileId }) => [...places.blocksOf(fileId)])
    },
    isRefusal
  }

  const databasePath = join(dir, 'data.mdb')
  const databaseFile: Decoder = {
    name: 'database file',
    oneIn: 10,
    make: random => anyDatabaseFile(random),
    decode: async input => {
      await writeFile(databasePath, input)
      await checkDatabaseFile(databasePath)
    },
    isRefusal
  }
  return [model, heldHead, heldPage, place, databaseFile]
}

const PAGE_BYTES = 512

/** Two meta pages and a root page, as small as they can be. */
function anyDatabaseFile (random: Random): Uint8Array {
  const bytes = Buffer.alloc(3 * PAGE_BYTES)
  for (const meta of [0, 1]) {
    const page = bytes.subarray(meta * PAGE_BYTES)
    page.writeUInt32LE(0xbeefc0de, 24)
    page.writeUInt32LE(2, 28)
    page.writeUInt32LE(PAGE_BYTES, 48)
    page.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, 88)
    page.writeBigUInt64LE(2n, 136)
    page.writeBigUInt64LE(2n, 144)
    page.writeBigUInt64LE(BigInt(random.below(4)), 152)
  }
  bytes.writeBigUInt64LE(2n, 2 * PAGE_BYTES)
  return bytes
}

function anyIdentity (random: Random): FileIdentity {
  return storedIdentity({
    sizeBytes: random.next(),
    mtimeNs: BigInt(random.next()),
    ctimeNs: BigInt(random.next()),
    inode: BigInt(random.next())
  })
}
