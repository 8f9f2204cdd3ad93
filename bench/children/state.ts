// Makes a state folder that indexes a model of many blocks, as publishing would have left it, without any hashing.
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { identityOf } from '../../src/files/file-identity.ts'
import { DIGEST_BYTES } from '../../src/model/block-id.ts'
import { TreeBuilder } from '../../src/model/tree.ts'
import { hash } from '../../src/node/ports.ts'
import { openStore } from '../../src/store/open-store.ts'
import { answer } from './answer.ts'
import type { Leaf } from '../../src/model/tree.ts'

const BLOCK_BYTES = 64 * 1024

answer({
  /** `path` becomes a sparse file that nobody reads; its blocks have digests drawn at random. */
  make: async asked => {
    const path = asked.text('path')
    const blocks = asked.number('blocks')
    const file = await open(path, 'w')
    await file.truncate(blocks * BLOCK_BYTES)
    await file.close()
    const store = await openStore(asked.text('state'))
    const digests = randomBytes(blocks * DIGEST_BYTES)
    const builder = new TreeBuilder({
      hash,
      onNode: async (cid, bytes) => { await store.nodes.putNodes([{ cid, bytes }]) }
    })
    await builder.addFile(basename(path), leavesOf(digests))
    const manifest = await builder.finish()
    const identity = await identityOf(path)
    await store.places.replaceFile({ path, identity }, digests, new Uint32Array(blocks).fill(BLOCK_BYTES))
    const root = manifest.root.toString()
    await store.models.put({
      root,
      name: basename(path),
      path,
      origin: 'published',
      totalBytes: manifest.totalBytes,
      blockCount: manifest.blockCount,
      distinctBytes: manifest.distinctBytes,
      heldBytes: manifest.totalBytes,
      files: [{ path: basename(path), absolute: path, identity }],
      createdAtMs: Date.now()
    })
    await store.close()
    return { root, blocks: manifest.blockCount }
  }
})

function * leavesOf (digests: Uint8Array): Generator<Leaf> {
  for (let at = 0; at < digests.byteLength; at += DIGEST_BYTES) {
    yield { digest: digests.subarray(at, at + DIGEST_BYTES), sizeBytes: BLOCK_BYTES }
  }
}

/** WebCrypto gives at most 64 KiB at once. */
function randomBytes (count: number): Uint8Array {
  const bytes = new Uint8Array(count)
  for (let at = 0; at < count; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return bytes
}
