// Every default, each with its unit and its reason. What is asked of this machine (files, threads, the state folder,
// connections) is in machine-defaults.ts, limits on what a peer can send are in wire/limits.ts, and what decides the
// root of a model, so that nobody may choose it, in model/profile.ts. One list, however long: it is read by its
// headings.

const KIB = 1024
const MIB = 1024 * KIB

// --- publishing ---

/** Publishing reads so much of a file at once: more would leave the second-level cache before it is hashed. */
export const READ_BYTES = MIB

// --- pulling ---

/** Bytes asked of all sources and not yet stored (I3). */
export const PULL_BUDGET_BYTES = 48 * MIB
/** What is held is recorded at least this often, so that a kill costs at most this much (promise: 32 MiB). */
export const RECORD_BYTES = 16 * MIB
export const RECORD_INTERVAL_MS = 1000
/** Data is synced to disk and the record marked as synced this often: bounds what is re-hashed after a power cut. */
export const CHECKPOINT_BYTES = 1024 * MIB
export const CHECKPOINT_INTERVAL_MS = 30_000
/** Progress events are at most this often. */
export const PROGRESS_INTERVAL_MS = 250
/** A pull gives up after so long without a verified byte. */
export const GIVE_UP_SECONDS = 60
/**
 * What one look at the clock may add to that silence: a process that was stopped, or a machine that slept, has not
 * waited meanwhile, and gets its time to connect again. A busy event loop is late by less.
 */
export const MAX_LOOK_MS = 2000
/** After so long without a verified byte a pull says what it waits for. */
export const WAIT_NOTE_MS = 3000
/** For that it is counted this often who holds what is missing: about 20 ms with 200 peers and a million blocks. */
export const WAIT_COUNT_MS = 3000
/** The clock is looked at this often while a pull waits. */
export const PULL_LOOK_MS = 250
/** A rate that people are shown is that of the last few seconds. */
export const RATE_WINDOW_MS = 4000
/** Free space kept beyond the model when checking for room before the first byte. */
export const SPARE_DISK_BYTES = 64 * MIB

// --- the tree of a pull ---

/** Most nodes, and most bytes as far as links tell, that are asked for at once. */
export const RESOLVE_BATCH_NODES = 512
export const RESOLVE_BATCH_BYTES = 8 * MIB
/** What a node above blocks is taken for: 1,024 links. */
export const USUAL_NODE_BYTES = 64 * KIB
/** Nodes asked of one peer at a time: a node is at most 2 MiB, mostly 50 KiB. */
export const NODES_PER_PEER = 32
/** Nodes sent below those asked for that wait until they are wanted, and what may yet come so, of all peers. */
export const MOST_NODES_BELOW_BYTES = 2 * MIB
/** With less left to be sent so, nothing is looked for: it would not fit. */
export const LEAST_NODES_BELOW_BYTES = 4 * KIB
/** So many nodes are asked of whoever may be about to send them anyway, before others share in them. */
export const LIKELY_NODES = 8
/** Nodes below those that a peer gave, of which is remembered that it may be about to send them. */
export const MOST_EXPECTED_NODES = 4096
/** A node that has not come by then is asked of another peer; sooner where a peer has given none yet. */
export const NODE_TIMEOUT_MS = 10_000
export const NODE_FIRST_MS = 2500
/** Of so many peers a node is asked at once at most, one more each time that somebody was too slow. */
export const NODE_ASKED = 4
/** Who has no node for us, or none of us to ask, is looked at again after so long. */
export const NODE_ASK_AGAIN_MS = 1000
/** Answers remembered that may come after another peer's: of all asked of 32 peers, the oldest are forgotten first. */
export const LATE_NODES = 1024

// --- credit (SWARM-POLICY.md section 3) ---

/** Credit of a source whose rate is not known yet, or two blocks; it doubles with every round trip that it keeps up. */
export const FIRST_CREDIT_BYTES = 128 * KIB
/** What a choosing publisher is granted before its rate is known: 40 Mbit/s at 100 ms (SWARM-POLICY.md section 1.6). */
export const FIRST_GRANT_BYTES = 512 * KIB
/**
 * A choosing publisher is granted what it sends in so many round trips more than a grant takes: while TCP begins, its
 * rate doubles with each. With 2, one peer 100 ms away ends 512 MiB at 0.95 of curl's rate, with 4 at 0.96.
 */
export const GRANT_QUEUE_ROUNDS = 4
/** Upper end of credit for one source: 1 Gbit/s at 64 ms, 200 Mbit/s at 320 ms. */
export const MAX_CREDIT_BYTES = 8 * MIB
/**
 * Queueing allowance on top of the round trip: credit = rate x (RTT + this), and what so many open sources have of it
 * is shared by more. What is asked early waits at the busy for what others could give soon: with half the allowance
 * simulated crowds of 200 and more end 0.01 of the bound earlier. But few sources with less leave the line idle where
 * the processor is busy.
 */
export const CREDIT_QUEUE_MS = 60
export const CREDIT_QUEUE_SOURCES = 8
/**
 * The wait for an answer counts as round trip up to this: requests stand behind blocks in our own sockets. Beyond it
 * the source itself is busy, and more requests would only queue there.
 */
export const CREDIT_LATENCY_MS = 100
/**
 * A source that has at least so many blocks for us is a neighbour ahead of us: it is asked for at least so many blocks
 * of the largest size at once, whatever its rate. Simulated, this takes the last finisher of 16 from 1.11 to 1.08.
 */
export const PLENTY_BLOCKS = 16
export const LAGGARD_CREDIT_BLOCKS = 2
/** A source that delivers nothing for so long while blocks are asked of it loses them to others. */
export const SILENT_SOURCE_MS = 5000
/** Two round trips are waited for if they are longer, up to this: who answers late on purpose gains little. */
export const MOST_SILENT_MS = 20_000
/** Less than this in that time is silence too: a peer that sends a byte a second holds what it was asked for ever. */
export const LIFE_BYTES = 4 * KIB
/** A publisher that has given everything is not asked freely for so long: peer exchange finds the holders meanwhile. */
export const SPARE_GRACE_MS = 1500
/** While others have no room for what is missing, a spare publisher is asked for one block more every so often. */
export const SPARE_STEP_MS = 1000
/**
 * In the endgame, a request unanswered for RTT + this may be asked of a second holder. A busy source takes half of it:
 * with 250 the last blocks of everybody were on their way twice, simulated 1.4 % of all bytes where 50 peers arrive in
 * turn, with 600 0.5 %, and the last peer ends earlier; above that nothing is gained.
 */
export const ENDGAME_AFTER_MS = 600
/** When nobody can be asked second it is looked again after so long; who gives what is of no use pauses so long. */
export const ENDGAME_STEP_MS = 100
/** Of so many sources a block is asked at most, each one more so long after the last. */
export const ENDGAME_ASKED = 4
export const ENDGAME_MORE_MS = 10_000
/** The longest pause before a source that was silent, or gave what is of no use, is asked again: half of a give-up. */
export const MAX_PAUSE_MS = 30_000
/** Sources that were silent and left, and may come again. */
export const REMEMBERED_SILENT = 4096
/** Of the budget of a pull, for those that have given nothing yet. */
export const UNPROVEN_SHARE = 0.5
/** While sources are waited for it is looked so often. Who is so late was kept from it, and nobody was silent. */
export const LOOK_MS = 1000
export const LATE_LOOK_MS = 250
/** With more blocks on their way than this, the endgame looks only each ENDGAME_STEP_MS: looking at each costs. */
export const ENDGAME_FEW_BLOCKS = 256
/** Blocks that a publisher may choose in vain one after the other (news cross on their way) before it is paused. */
export const USELESS_IN_A_ROW = 3
/** Blocks asked of one source at a time: others have their turn. */
export const BLOCKS_PER_PLAN = 64
/** Candidates looked at for each block picked: enough that the rarest of them is among the rarest of all. */
export const PICK_SAMPLE = 32
/** A rate is that of the bytes of so long; a round trip is taken for the second until one was measured. */
export const RATE_SAMPLE_MS = 100
export const FIRST_RTT_MS = 50
/** Beyond two round trips: what a source may take to read a block from its disk, and we to see that it came. */
export const PROMPT_MS = 20

// --- swarm ---

/**
 * Announcements of new blocks are so far apart: a few ms for every peer that is told, so that the messages a node sends
 * do not grow with the square of the swarm. At 10 ms haves are 20 of 24 messages a block among 16 peers, at
 * 50 ms 7 of 9; simulated, the last finisher moves by less than 0.01 of the bound.
 */
export const HAVE_BATCH_MS_PER_PEER = 3
export const HAVE_BATCH_LEAST_MS = 10
export const HAVE_BATCH_MOST_MS = 60
/** After a quiet time a block is announced so soon: simulated, the last of 50 that arrive in turn ends 0.01 earlier. */
export const HAVE_BATCH_FIRST_MS = 1
/**
 * A block that begins to come is told of when so many peers lack it: in smaller swarms it passes through two hands at
 * most, and the messages cost more than they save (lab A, where the processor is full, ended 1.05 times later).
 */
export const COMING_PEERS = 8
/** Who asked for a block that is coming waits so long for it, less than takes us for silent; it is looked so often. */
export const COMING_WAIT_MS = 2000
export const COMING_LOOK_MS = 500
/** Blocks in one Have: a model of a million that is found again is announced in 15 s, within what peers may send. */
export const HAVE_BLOCKS = 4096
/** Full mesh up to so many peers. */
export const FULL_MESH_PEERS = 20
/**
 * Beyond the full mesh, this many neighbours, chosen at random; who pulls and has them refuses others. Who has more
 * than others hears of blocks first and is asked for most of them, while the up-links of those with fewer idle:
 * simulated, 1,000 peers with 8 to 20 neighbours end at 1.26 of the bound, and with 8 each at 1.14.
 */
export const GRAPH_DEGREE = 16
/** After so many refusals a peer has enough with this share of them; with less it insists, and is let in. */
export const ENOUGH_SHARE = 0.75
export const ENOUGH_REFUSALS = 4
/**
 * A neighbour that has given nothing for so long is not counted, or for so many turns of all where blocks come slowly,
 * up to the third: an attacker's sessions that only sit there would keep everybody else away. Others are dialled in its
 * place while we have dialled fewer sessions than that.
 */
export const IDLE_NEIGHBOUR_MS = 60_000
export const IDLE_TURNS = 4
export const SLOW_NEIGHBOUR_MS = 600_000
export const MOST_SESSIONS_TO_DIAL = 4 * GRAPH_DEGREE
/** Of those that came by themselves and have given nothing yet so many count: they cost an attacker nothing. */
export const MOST_STRANGERS = GRAPH_DEGREE / 2
/** Peers accepted for one model before newcomers are refused. */
export const MAX_PEERS_PER_MODEL = 200
/**
 * What peers say that they hold is kept as bits until the tree tells how to read it, so much for a model, at most 4 MiB
 * each; past it the peer with most goes. A model of a million blocks takes 128 KiB a peer.
 */
export const UNREAD_HOLDINGS_BYTES = 64 * MIB
/** Dials under way at once: a connection costs about 20 ms of CPU on each side. */
export const PARALLEL_DIALS = 4
/** Pauses before a lost or silent address is tried again: doubling from the first to the second. */
export const REDIAL_FIRST_MS = 500
export const REDIAL_MAX_MS = 10_000
/** A candidate that is no hint is forgotten after so many dials in vain. */
export const FORGET_AFTER_FAILURES = 5
/** A host and port that so many dials one after the other did not reach is paused, whoever is said to be there. */
export const VAIN_DIALS = 3
/** Hosts and ports remembered for that; the one that was not dialled for longest is forgotten first. */
export const REMEMBERED_PLACES = 4096
/** Candidates are looked at this far apart at least, and with all the peers we want. */
export const SEARCH_TICK_MS = 50
export const SEARCH_IDLE_TICK_MS = 2000
/** Of two peers that are told of each other one dials at once (`dialsFirst`), the other after this time. */
export const SECOND_DIALLER_MS = 3000
/** With fewer sessions than this, every peer that is dialled is asked for others. */
export const FEW_PEERS = 4
/** A peer that has not agreed on a protocol by then does not answer. */
export const OPEN_STREAM_MS = 10_000
/** What a data stream may be sent before it says more, at least: two blocks. More while they come without waiting. */
export const FIRST_DATA_WINDOW_BYTES = 2 * MIB
/** A stream that has not closed by then is reset. */
export const CLOSE_STREAM_MS = 1000
/** Sources whose fate is remembered for the message of a pull that gave up: it names a few and counts the others. */
export const MAX_TRIED = 256
/** A quiet session is asked for a sign of life this often, and ends after three without one. */
export const KEEPALIVE_MS = 20_000

// --- offenders (weights: swarm/reputation.ts) ---

/** A peer's offences count half after so long: one bad block keeps it out for ten minutes, one bad frame for five. */
export const OFFENCE_HALF_LIFE_MS = 300_000
/** Below this a peer's offences are as good as none: half an hour after one bad frame or flood. */
export const OFFENCE_FORGOTTEN_BELOW = 1 / 64
/** Offenders and offending addresses remembered, each; the one that has been quiet longest is forgotten first. */
export const REMEMBERED_OFFENDERS = 4096
/**
 * What of an offence is charged to the address too. A NAT has honest peers behind it: it takes eight bad blocks, or
 * sixteen broken protocols, of fresh keys within a half-life before strangers from one address are refused.
 */
export const ADDRESS_SHARE = 1 / 32

/** Peers whose rate of opening streams, or turn, is remembered; the one quiet for longest is forgotten first. */
export const REMEMBERED_RATES = 4096

// --- serving ---

/**
 * Bytes read from disk and not yet handed to the socket: per peer, and for all of them. One block a peer is always
 * allowed.
 */
export const SEND_AHEAD_BYTES = 2 * MIB
export const SEND_BUDGET_BYTES = 16 * MIB

/** A publisher chooses a block again so long after its disk failed to give it. */
export const REREAD_MS = 1000

/** How long blocks may wait on their way to a peer beyond the least time seen lately: in sockets and the network. */
export const UPLOAD_QUEUE_MS = 120
/**
 * Bytes on their way to all peers: at first, at least (or two blocks), and at most. On the shaped network 384 KiB at 10
 * Mbit/s and 8 peers end at 1.32 to 1.37 of the bound, 768 at 1.20, no window at all at 1.20; the simulator shows no
 * difference.
 */
export const FIRST_UPLOAD_WINDOW_BYTES = MIB
export const LEAST_UPLOAD_WINDOW_BYTES = 768 * KIB
export const MAX_UPLOAD_WINDOW_BYTES = 256 * MIB
/** How far the window moves in a round towards what the receipts say: half the way is quick and does not swing. */
export const UPLOAD_WINDOW_GAIN = 0.5
/** How late receipts may be on busy machines before less is taken for enough: at 120 the lab's crowds end later. */
export const RECEIPT_LATE_MS = 250
/**
 * The same for a publisher, whose receipts wait behind nothing, as its peers send it no blocks, and whose blocks are
 * nobody's until they have come over. Simulated, `het40` ends at 1.10 with it and at 1.13 with 250; at 60 ms 16 peers
 * end later.
 */
export const PUBLISHER_RECEIPT_LATE_MS = 120
/** A round in which less came back than in the best one takes that rate down by this much of the difference. */
export const RECEIPT_RATE_DECAY = 0.125
/** Of the window, what peers may take together that have had no time yet to say that anything came. */
export const NEWCOMERS_SHARE = 0.75
/** Of the peers of a round, from the one with the least delay, the one whose delay stands for our up-link. */
export const UPLOAD_DELAY_QUANTILE = 0.25
/**
 * A block whose receiver says nothing for so long, or so many times the last wait, has arrived or is lost; at most, for
 * the last wait is what a peer makes it. The least window takes 25 s at 256 kbit/s.
 */
export const RECEIPT_MS = 3000
export const RECEIPT_PATIENCE = 4
export const MAX_RECEIPT_MS = 30_000
/** Blocks without a receipt that are remembered, should it come late. */
export const LATE_RECEIPTS = 1024
/**
 * Blocks on their way to a peer that gives no receipts, of the size of the one that it gave none for; before its first
 * receipt can have come, FIRST_GRANT_BYTES or as many of the largest.
 */
export const SILENT_PEER_BLOCKS = 2
/** The least transit time of a path is that of the last one or two of these. */
export const BASE_DELAY_MS = 60_000

/** What a peer may not have verified yet when it says that our bytes were wrong: its credit and what is in sockets. */
export const SENT_LATELY_BYTES = 16 * MIB
/** A block that a peer found wrong is read and hashed again at most this often, whoever complains. */
export const RECHECK_AGAIN_MS = 60_000
/** A running node looks this often whether another process changed what is known of its models: eight bytes read. */
export const RECORDS_LOOK_MS = 1000

/** Who is rejected may ask again after so long. */
export const RETRY_AFTER_MS = 1000
/** Whoever says less than this waits for it all the same. */
export const LEAST_RETRY_MS = 100
/** While a node lingers it looks this often whether somebody still lacks blocks. */
export const LINGER_LOOK_MS = 100

// --- command line ---

export const LINGER_SECONDS = 30
