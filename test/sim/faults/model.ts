import { createHash } from 'node:crypto'
import { TreeBuilder } from '../../../src/model/tree.ts'
import type { Hash } from '../../../src/model/block-id.ts'
import type { Manifest } from '../../../src/model/manifest.ts'

/**
 * The bytes of a model's blocks. `exact`: small blocks of real bytes, hashed and sent byte by byte. `named`: blocks of
 * real sizes that cost no memory, a view standing for the bytes; it is never looked into, only recognised.
 */
export interface Contents {
  /** The block's bytes, or others of the same length; a buffer of its own. */
  make: (block: number, isRight: boolean) => Uint8Array
  isRight: (block: number, bytes: Uint8Array) => boolean
  /** What reading them back from a disk gives. */
  copy: (bytes: Uint8Array) => Uint8Array
  hash: Hash
  /** A broken hash, which takes the wrong bytes of a block for the right ones. */
  blindHash: Hash
}

export interface SimModel extends Contents {
  readonly manifest: Manifest
  /** Tree nodes by the hex of their digest. */
  readonly nodes: ReadonlyMap<string, Uint8Array>
  readonly isExact: boolean
}

export interface ModelShape {
  readonly isExact: boolean
  /** Blocks of each file, and the size of all but the last. */
  readonly files: ReadonlyArray<{ readonly blocks: number, readonly blockBytes: number, readonly lastBytes: number }>
  /** The last file shows the blocks of the first one again at its end. */
  readonly hasRepeats: boolean
}

/** A model of this shape with contents drawn from `random`. */
export async function makeModel (shape: ModelShape, random: () => number): Promise<SimModel> {
  const sizes: number[] = []
  const leavesOf: number[][] = []
  for (const { blocks, blockBytes, lastBytes } of shape.files) {
    leavesOf.push(Array.from({ length: blocks }, (_, i) => sizes.push(i === blocks - 1 ? lastBytes : blockBytes) - 1))
  }
  if (shape.hasRepeats && leavesOf.length > 1) leavesOf.at(-1)?.push(...leavesOf[0] ?? [])
  const digests = sizes.map(() => randomBytes(32, random))
  const contents = shape.isExact ? exactContents(sizes, digests, random) : namedContents(sizes, digests)
  const nodes = new Map<string, Uint8Array>()
  const builder = new TreeBuilder({
    hash: async bytes => sha256(bytes),
    onNode: async (cid, bytes) => { nodes.set(hex(cid.multihash.digest), bytes.slice()) }
  })
  for (const [i, blocks] of leavesOf.entries()) {
    const leaves = blocks.map(block => ({ digest: digests[block] ?? new Uint8Array(32), sizeBytes: sizes[block] ?? 0 }))
    await builder.addFile(`file${i}`, leaves)
  }
  return { manifest: await builder.finish(), nodes, isExact: shape.isExact, ...contents }
}

export function hex (bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** Real bytes; `digests` becomes those of the bytes. */
function exactContents (sizes: readonly number[], digests: Uint8Array[], random: () => number): Contents {
  const right = sizes.map(size => randomBytes(size, random))
  right.forEach((bytes, block) => { digests[block] = sha256(bytes) })
  const known = new Set(digests.map(hex))
  const invert = (bytes: Uint8Array): Uint8Array => bytes.map(byte => byte ^ 0xff)
  return {
    make: (block, isRight) => {
      const bytes = right[block] ?? new Uint8Array(0)
      return isRight ? bytes.slice() : invert(bytes)
    },
    isRight: (block, bytes) => Buffer.compare(bytes, right[block] ?? new Uint8Array(0)) === 0,
    copy: bytes => bytes.slice(),
    hash: async bytes => sha256(bytes),
    blindHash: async bytes => {
      const digest = sha256(bytes)
      if (known.has(hex(digest))) return digest
      const other = sha256(invert(bytes))
      return known.has(hex(other)) ? other : digest
    }
  }
}

const shared = new ArrayBuffer(2 * 1024 * 1024)

function namedContents (sizes: readonly number[], digests: readonly Uint8Array[]): Contents {
  const names = new WeakMap<Uint8Array, { block: number, isRight: boolean }>()
  const view = (bytes: number, name: { block: number, isRight: boolean } | undefined): Uint8Array => {
    const made = new Uint8Array(shared, 0, bytes)
    if (name !== undefined) names.set(made, name)
    return made
  }
  const hash = async (bytes: Uint8Array, takesWrong: boolean): Promise<Uint8Array> => {
    const name = names.get(bytes)
    if (name === undefined) return bytes.buffer === shared ? new Uint8Array(32) : sha256(bytes)
    return (name.isRight || takesWrong ? digests[name.block] : undefined) ?? new Uint8Array(32)
  }
  return {
    make: (block, isRight) => view(sizes[block] ?? 0, { block, isRight }),
    isRight: (block, bytes) => {
      const name = names.get(bytes)
      return name?.block === block && name.isRight
    },
    copy: bytes => view(bytes.byteLength, names.get(bytes)),
    hash: async bytes => await hash(bytes, false),
    blindHash: async bytes => await hash(bytes, true)
  }
}

export function randomBytes (length: number, random: () => number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = Math.floor(random() * 256)
  return bytes
}

function sha256 (bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}
