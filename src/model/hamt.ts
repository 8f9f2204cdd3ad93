import { murmur364 } from '@multiformats/murmur3'
import { UnixFS } from 'ipfs-unixfs'
import { HAMT_BITS } from './profile.ts'
import { putNode } from './tree-node.ts'
import type { FolderLink, NodeParts, TreeLink } from './tree-node.ts'

// A HAMT folder (UnixFS spec, HAMTDirectory): an entry's slot at level L is byte L of the hash of its name; entries
// that share a slot go down a level together. Links are named by their slot in two hex digits, then the entry's name.

const FAN_OUT = 2 ** HAMT_BITS
/** Multihash code of the name hash, murmur3-x64-64. */
const MURMUR3_X64_64 = 0x22n
const HASH_BYTES = 8
/** Distinct names part within 3 levels; names made to collide would not. */
const MAX_LEVELS = 32

/** Writes a folder as a HAMT of fan-out 256, children before parents. */
export async function putHamt (links: readonly FolderLink[], parts: NodeParts): Promise<TreeLink> {
  return await putShard(links.map(link => ({ link, hash: new NameHash(link.name) })), 0, parts)
}

interface HashedLink {
  link: FolderLink
  hash: NameHash
}

async function putShard (entries: readonly HashedLink[], level: number, parts: NodeParts): Promise<TreeLink> {
  if (level >= MAX_LEVELS) throw new RangeError('Names of one folder collide on every level of the hash')
  const slots = new Map<number, HashedLink[]>()
  for (const entry of entries) {
    const slot = await entry.hash.byte(level)
    const others = slots.get(slot)
    if (others === undefined) slots.set(slot, [entry])
    else others.push(entry)
  }
  const links: FolderLink[] = []
  for (const slot of [...slots.keys()].sort((a, b) => a - b)) {
    const here = slots.get(slot) ?? []
    const prefix = slot.toString(16).toUpperCase().padStart(2, '0')
    const only = here[0]
    if (only !== undefined && here.length === 1) links.push({ ...only.link, name: prefix + only.link.name })
    else links.push({ ...await putShard(here, level + 1, parts), name: prefix })
  }
  const data = new UnixFS({
    type: 'hamt-sharded-directory',
    data: bitsOf(slots.keys()),
    fanout: BigInt(FAN_OUT),
    hashType: MURMUR3_X64_64
  })
  return await putNode(data.marshal(), links, parts)
}

/** The slots in use as a big-endian number, without leading zero bytes. */
function bitsOf (slots: Iterable<number>): Uint8Array {
  const bytes = new Uint8Array(FAN_OUT / 8)
  for (const slot of slots) {
    const at = bytes.length - 1 - (slot >>> 3)
    bytes[at] = (bytes[at] ?? 0) | (1 << (slot & 7))
  }
  const first = bytes.findIndex(byte => byte !== 0)
  return bytes.slice(Math.max(first, 0))
}

/** An endless row of hash bytes for a name: of the name, then of the name with a byte 1 after it, 2, … */
class NameHash {
  readonly #name: Uint8Array
  readonly #hashes: Uint8Array[] = []

  constructor (name: string) {
    this.#name = new TextEncoder().encode(name)
  }

  async byte (level: number): Promise<number> {
    const round = Math.floor(level / HASH_BYTES)
    const hash = this.#hashes[round] ??= await this.#hash(round)
    return hash[level % HASH_BYTES] ?? 0
  }

  async #hash (round: number): Promise<Uint8Array> {
    const input = round === 0 ? this.#name : Uint8Array.from([...this.#name, round])
    return await murmur364.encode(input)
  }
}
