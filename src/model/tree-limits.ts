const KIB = 1024
const MIB = 1024 * KIB

/**
 * Everything a foreign tree can make large, with its bound (I6). What is linked twice counts twice, except where it
 * says distinct: a few nodes can stand for more files than there are atoms. Past any of these: ERR_TREE_LIMIT.
 */
export const TREE_LIMITS = {
  /** File bytes of one foreign leaf. IPFS tools exchange nothing above 2 MiB; we ourselves cut at most 1 MiB. */
  leafBytes: 2 * MIB,
  /** One tree node: a wrapped leaf of leafBytes with its frame (at most 17 bytes). Our largest are of 256 KiB. */
  nodeBytes: 2 * MIB + 32,
  /** Nodes. 16 M blocks at 174 links need 96,000; a foreign file of one wrapped leaf is a node. */
  nodes: 1024 * KIB,
  /** Files and folders. The largest data sets in one repository have some 100,000 files. */
  entries: 1024 * KIB,
  /** Slots: 16 TiB at 1 MiB, 1 TiB at 64 KiB. A manifest of so many blocks costs some 700 MB of memory. */
  slots: 16 * MIB,
  /** All paths together, in UTF-8. 1 M entries of 256 bytes. */
  pathBytes: 256 * MIB,
  /** Nodes from the root to a leaf, HAMT levels included. 16 M blocks need 3 levels balanced, 12 as trickle. */
  depth: 32,
  /** Links of all distinct nodes: 41 bytes of memory each while the tree is resolved. */
  links: 20 * MIB
} as const

export type TreeLimits = { readonly [limit in keyof typeof TREE_LIMITS]: number }
