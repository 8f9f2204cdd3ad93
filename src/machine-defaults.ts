// Defaults of what is asked of this machine: threads, open files, the state folder, connections. All others are in
// defaults.ts.

const KIB = 1024
const MIB = 1024 * KIB

// --- reading and hashing ---

/** One worker a core, up to so many: more than a disk reads for. */
export const HASH_WORKERS = 8
/** Spans of one file given to a worker at once: one it hashes, and the next. Of several files it gets one. */
export const SPANS_OF_WORKER = 2
/** Spans of one file under way at once. */
export const SPANS_AHEAD = 32
/** Workers are started when so much waits; the thread pool hashes so many spans before, and until they are there. */
export const WORKERS_FROM_BYTES = 16 * MIB
export const POOL_SPANS = 4
/** A pull that lacks so much starts a thread that verifies and writes: it takes 30 ms of a core, and 10 MiB. */
export const WRITE_WORKER_FROM_BYTES = 128 * MIB
/** Blocks given to it at once: when so many wait there, a slow disk or a fast peer keeps the thread pool busy too. */
export const WRITES_OF_WORKER = 16
/** A header of unknown length is read in chunks that double from the first to the second. */
export const HEADER_FIRST_BYTES = 64 * KIB
export const HEADER_MOST_BYTES = 4 * MIB
/**
 * Blocks of one header fetched from peers to list its tensors, and of all headers of a model: they are kept in memory.
 * The largest vocabularies and tensor lists make headers of 15 MiB.
 */
export const FETCHED_HEADER_BYTES = 16 * MIB
export const FETCHED_HEADERS_BYTES = 64 * MIB
/** Headers read at once: one is a round trip or two. */
export const PARALLEL_HEADERS = 8

// --- files ---

/** Files kept open for serving; well below the common limit of 1,024 per process. */
export const SERVED_FILES_OPEN = 64
/**
 * How long a file is believed unchanged without looking: fstat per read would cost as much as a small read. Bytes
 * changed in place can pass for so long; of a file deleted or replaced the old bytes, which are still the right ones.
 */
export const FILE_RECHECK_MS = 100
/** Part files kept open; a model of a thousand files is written to in any order. */
export const PART_FILES_OPEN = 64
/** Blocks read and hashed at the same time while a target is checked. */
export const PARALLEL_CHECKS = 8
/** Files synced at once. A sync of gigabytes holds a thread of the pool that also hashes and reads: two of four. */
export const PARALLEL_SYNCS = 2
/** A part file written to after its record is read again as a whole up to this size: a second, and it finds more. */
export const REREAD_PART_BYTES = 1024 * MIB
/** A pull that is killed may have written for so long since its last record. A later change is somebody else's. */
export const KILL_SLACK_MS = 5000

// --- locks ---

/** Where process ids mean nothing, a holder touches its lock this often, and is dead when it has not for the second. */
export const LOCK_HEARTBEAT_MS = 3000
export const LOCK_STALE_MS = 20_000
/** Clocks drift and are set: two start times of the machine this close are the same start. */
export const SAME_BOOT_SECONDS = 120

// --- state folder ---

/** Processes of one state folder that can have an identity at once. */
export const IDENTITY_SLOTS = 1000
/** Pieces of hardware that a state folder remembers of its machine: docks and cards come and go. */
export const REMEMBERED_HARDWARE = 16
/** Blocks, and tree nodes, that publishing hands to the database at once: they bound its memory. */
export const INDEX_BATCH_BLOCKS = 4096
export const INDEX_BATCH_NODES = 64
/** Files up to so large are indexed so many at once: each takes three commits, and a commit a sync of the disk. */
export const SMALL_FILE_BYTES = 64 * 1024
export const SMALL_FILES_AT_ONCE = 64
/** Blocks indexed before the disk is waited for: fewer waits touch fewer pages (16,384: three times as slow). */
export const INDEX_AHEAD_BLOCKS = 65_536
/** Tree nodes in one transaction: 1,024 nodes of 50 KiB are a model of 70 GB at once. */
export const NODES_PER_TRANSACTION = 1024
/** Places of one block that are looked at: copies of one model in more folders add nothing. */
export const PLACES_PER_BLOCK = 4
/** Room for the database's lock file and the first pages of a new one. */
export const DATABASE_ROOM_BYTES = MIB
/** Room for a transaction beyond what it changes: lists of free pages, the way from the root of each table. */
export const COMMIT_ROOM_BYTES = 128 * KIB
/** With less room than this, a failed write is taken for a full disk: LMDB reports a short write as EIO. */
export const FULL_DISK_BYTES = 64 * KIB

// --- connections (of our own libp2p node) ---

/** All peers together: six models full of peers. Past the second the idle ones go sooner. */
export const MAX_CONNECTIONS = 1200
export const CROWDED_CONNECTIONS = 900
/** Dials under way at once, of all models together. */
export const PARALLEL_DIALS_OF_ALL = 32
/** Connections without a session are looked for this often. */
export const IDLE_LOOK_MS = 5000
/** Peers that are not connected are looked for in libp2p's store this often, and forgotten. */
export const FORGET_PEERS_MS = 60_000
/** For so long a peer's record that another passed on is taken for its own: where it listens may change. */
export const KEEP_RECORD_MS = 60_000
/** Our streams on a connection until the first is answered: libp2p ends it at more than ten of all kinds. */
export const MOST_EARLY_STREAMS = 8
/** A farewell reaches a refused peer in this time, before its connection goes. */
export const FAREWELL_MS = 1000
