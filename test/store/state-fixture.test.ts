// The state folder of format 1 as it was written once: every later version opens it, or migrates it, and finds all of
// it. Its contents are in fixtures/make-state.ts.
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { generateKey, peerIdOf } from '../../src/node/libp2p.ts'
import { hash } from '../../src/node/ports.ts'
import { openCollection } from '../../src/index.ts'
import { knownManifest } from '../../src/serve.ts'
import { takeIdentity } from '../../src/store/identity.ts'
import { STATE_VERSION } from '../../src/store/open-database.ts'
import { tempFolder } from '../files/temp-folder.ts'
import {
  BLOCK_BYTES, BLOCKS, BOOT, digestOf, FINGERPRINT, HELD, IDENTITY, makeState, modelOf, OTHER_IDENTITY, PORT, PUBLISHED,
  RECORDED_AT_MS, SYNCED, TARGET
} from './fixtures/make-state.ts'
import { tempStore } from './temp-store.ts'

const FIXTURE = join(import.meta.dirname, 'fixtures/state-v1')
const ROOT = 'bafybeifgpzdmkygx2r5jx4hc3lajodvghkm4ctekmo3qye7j5mefi2ip3a'
const PEER_ID = '12D3KooWDEKQL3eFwZpebsqBPFySjmyPBiK1VBeFd88e1fVXhaT2'

/** A copy of the folder, as it lay on a disk. */
async function unpacked (): Promise<string> {
  const dir = await tempFolder()
  await cp(FIXTURE, dir, { recursive: true })
  const packed = join(dir, 'db/data.mdb.gz')
  await writeFile(join(dir, 'db/data.mdb'), gunzipSync(await readFile(packed)))
  await rm(packed)
  return dir
}

const pulled = { ...modelOf(ROOT), path: TARGET, origin: 'pulled', heldBytes: 5, files: [], createdAtMs: 1_700_000_003_000 }

/** Everything that is found in a folder made by makeState. */
async function expectContents (dir: string): Promise<void> {
  const store = await tempStore(dir, { bootId: BOOT })
  expect(store.models.list()).toEqual([modelOf(ROOT), pulled])
  expect(store.models.get(ROOT)).toHaveLength(2)

  const manifest = await knownManifest(CID.parse(ROOT), { store, hash })
  expect(manifest?.files.map(file => [file.path, file.sizeBytes, file.leaf])).toEqual([
    ['config.json', 6, 'raw'], ['sub/weights.bin', BLOCKS * BLOCK_BYTES, 'raw']
  ])
  expect(manifest?.blockCount).toBe(BLOCKS + 1)

  const path = `${PUBLISHED}/sub/weights.bin`
  const [place] = store.places.find(digestOf(120))
  expect(place).toMatchObject({ path, identity: IDENTITY, leaf: 'raw', offset: 120 * BLOCK_BYTES, sizeBytes: BLOCK_BYTES })
  expect(store.places.find(digestOf(1000))).toMatchObject([{ leaf: 'wrapped', identity: OTHER_IDENTITY, offset: 0, sizeBytes: 6 }])
  const indexed = store.places.indexedFile(path, IDENTITY)
  expect([...store.places.blocksOf(indexed?.fileId ?? -1)].map(block => Buffer.from(block.digest))).toEqual(
    Array.from({ length: BLOCKS }, (_, block) => Buffer.from(digestOf(block))))
  expect(store.places.filesAt(`${PUBLISHED}/begun`)).toMatchObject([{ complete: false }])

  expect(store.held.targets(ROOT)).toEqual([TARGET])
  const record = store.held.load(ROOT, TARGET, BLOCKS + 1)
  expect([...record?.held.indexes() ?? []]).toEqual(HELD)
  expect([...record?.trusted.indexes() ?? []]).toEqual(HELD)
  expect(record).toMatchObject({
    recordedAtMs: RECORDED_AT_MS,
    files: [{ path: 'sub/weights.bin', complete: false, identity: IDENTITY }, { path: 'config.json', complete: true, identity: OTHER_IDENTITY }]
  })
  const restarted = (await tempStore(dir, { bootId: 'another' })).held.load(ROOT, TARGET, BLOCKS + 1)
  expect([...restarted?.trusted.indexes() ?? []]).toEqual(SYNCED)
}

describe('state folder of format 1', () => {
  it('gives back models, trees, places and what is held', async () => {
    await expectContents(await unpacked())
  })

  it('gives back its identity, with its port, on the machine it was made on', async () => {
    const identity = await takeIdentity(await unpacked(), {
      generateKey, peerIdOf, machine: { id: FINGERPRINT, hardware: ['card'] }
    })
    expect(identity).toMatchObject({ slot: 0, peerId: PEER_ID, port: PORT })
    await identity.release()
  })

  it('can be written to, and is listed by who knows nothing of its format', async () => {
    const dir = await unpacked()
    const store = await tempStore(dir)
    const file = { path: '/models/new', identity: IDENTITY }
    await store.places.replaceFile(file, digestOf(120), [BLOCK_BYTES])
    const paths = store.places.find(digestOf(120)).map(place => place.path)
    expect(paths).toEqual([`${PUBLISHED}/sub/weights.bin`, '/models/new'])
    const collection = await openCollection({ dir })
    const listed = await collection.list()
    expect(listed.map(model => [model.root, model.path])).toEqual([[ROOT, PUBLISHED], [ROOT, TARGET]])
    await collection.close()
  })

  it('is what this version still writes, or the fixture of a later format is missing', async () => {
    expect(STATE_VERSION).toBe(1)
    const dir = await tempFolder()
    await makeState(dir)
    expect(await readFile(join(dir, 'version'), 'utf8')).toBe(await readFile(join(FIXTURE, 'version'), 'utf8'))
    await expectContents(dir)
  })
})
