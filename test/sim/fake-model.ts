import { ManifestBuilder } from '../../src/model/manifest-builder.ts'
import { cidOfDigest, DAG_PB_CODEC } from '../../src/model/block-id.ts'
import type { Manifest } from '../../src/model/manifest.ts'

const known = new Map<string, Manifest>()

/** The manifest of a model of one file in blocks of one size, with made-up digests; `salt` tells two models apart. */
export function fakeManifest (fileBytes: number, blockBytes: number, salt = 0): Manifest {
  const key = `${fileBytes}/${blockBytes}/${salt}`
  const made = known.get(key) ?? build(fileBytes, blockBytes, salt)
  known.set(key, made)
  return made
}

function build (fileBytes: number, blockBytes: number, salt: number): Manifest {
  const builder = new ManifestBuilder()
  builder.openFile('file.bin', 'raw')
  for (let at = 0, i = 0; at < fileBytes; at += blockBytes, i++) {
    const digest = new Uint8Array(32)
    new DataView(digest.buffer).setUint32(0, Math.imul(i + 1, 2654435761))
    new DataView(digest.buffer).setUint32(4, i)
    new DataView(digest.buffer).setUint32(8, salt)
    builder.addBlock(digest, Math.min(blockBytes, fileBytes - at))
  }
  return builder.build(cidOfDigest(new Uint8Array(32).fill(salt), DAG_PB_CODEC))
}
