// Profile ms1: what decides the root of the same bytes. Frozen (test/vectors/ms1.json): a change here is a new profile.

const KIB = 1024
const MIB = 1024 * KIB

/** Blocks of one tensor or file are powers of two between these. 64 KiB: simulated at 1.025 of the bound. */
export const MIN_BLOCK_BYTES = 64 * KIB
export const MAX_BLOCK_BYTES = MIB
/** A tensor is cut into about this many blocks, within the two above. */
export const BLOCKS_PER_TENSOR = 16
/** Any other file is cut into about this many. */
export const BLOCKS_PER_FILE = 1024
/** Links of one tree node (unixfs-v1-2025 profile). */
export const TREE_LINKS = 1024
/** A directory whose node would exceed this becomes a HAMT (unixfs-v1-2025 profile). */
export const HAMT_THRESHOLD_BYTES = 256 * KIB
/** Bits of a HAMT level: fan-out 256 (unixfs-v1-2025 profile). */
export const HAMT_BITS = 8
