import { createHash } from 'node:crypto'
import { cidOfDigest, sameBytes } from '../../src/model/block-id.ts'
import { ManifestBuilder } from '../../src/model/manifest-builder.ts'
import type { Manifest } from '../../src/model/manifest.ts'

export interface SmallModel {
  readonly manifest: Manifest
  /** The bytes of each block. */
  readonly blocks: readonly Uint8Array[]
  readonly check: (block: number, bytes: Uint8Array) => Promise<boolean>
}

export function digestOf (bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}

/** A model of these files (in tree order), cut into blocks of a fixed size. */
export function smallModel (
  files: Record<string, string>, blockBytes: number = 4, emptyFolders: string[] = []
): SmallModel {
  const builder = new ManifestBuilder()
  const bytesOf = new Map<string, Uint8Array>()
  for (const [path, text] of Object.entries(files)) {
    builder.openFile(path, 'raw')
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.byteLength; at += blockBytes) {
      const block = bytes.subarray(at, at + blockBytes)
      builder.addBlock(digestOf(block), block.byteLength)
      bytesOf.set(Buffer.from(digestOf(block)).toString('hex'), block)
    }
  }
  for (const path of emptyFolders) builder.addEmptyFolder(path)
  const manifest = builder.build(cidOfDigest(digestOf(Buffer.from(JSON.stringify(files)))))
  const blocks = Array.from({ length: manifest.blockCount }, (_, block) => {
    return bytesOf.get(Buffer.from(manifest.digest(block)).toString('hex')) ?? new Uint8Array(0)
  })
  const check = async (block: number, bytes: Uint8Array): Promise<boolean> => {
    return sameBytes(digestOf(bytes), manifest.digest(block))
  }
  return { manifest, blocks, check }
}
