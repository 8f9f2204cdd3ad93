// Everything a peer can make large, with its limit and reason (I6). PROTOCOL.md repeats this table; a test holds both
// together. Limits on trees are in model/tree-limits.ts, because trees also come from elsewhere.

const KIB = 1024
const MIB = 1024 * KIB

export const WIRE_LIMITS = {
  /** Header of one frame. A Holdings of 16 M blocks with two bitfields is 4 MiB; everything else is far smaller. */
  frameHeaderBytes: 4 * MIB + 64 * KIB,
  /** Header of a frame on the control stream after Holdings: 65,536 indexes are 320 KiB. */
  messageBytes: 512 * KIB,
  /** Header of a frame on the data stream: only Attach and Block travel there. */
  dataHeaderBytes: KIB,
  /** Header of a frame before Hello was accepted. */
  helloBytes: 4 * KIB,
  /** Control messages an opener keeps until its data stream is open: one Holdings, and Have every 10 ms meanwhile. */
  earlyBytes: 4 * MIB + 64 * KIB,
  earlyMessages: 4096,
  /** Payload after a Block: a foreign leaf or tree node of 2 MiB, and what an encoding may add. */
  payloadBytes: 2 * MIB + 64 * KIB,
  /** Blocks of a model whose bitfields are exchanged. */
  blocks: 16 * MIB,
  /** Indexes in one Have, Request, Cancel or Reject. */
  indexes: 64 * KIB,
  /** Blocks that one peer says are coming to it, in one Have and at a time: of 64 KiB, more than any budget has. */
  comingBlocks: KIB,
  /** Blocks announced by Have before Holdings, which comes first: what is kept of them. */
  earlyIndexes: 4 * KIB,
  /** CIDs in one Request or Reject. */
  cids: 256,
  /** Bytes of one CID: v1, dag-pb, sha2-256 is 36. */
  cidBytes: 64,
  /** Encodings or bases named in one message. */
  encodings: 64,
  /** Signed peer records in one Peers, and the size of each. */
  peerRecords: 32,
  peerRecordBytes: 4 * KIB,
  /** Blocks a peer may have asked of us and not yet received. More are rejected. */
  requestsQueued: 4096,
  /** Tree nodes a peer may have asked of us and not yet received. */
  nodesQueued: 1024,
  /**
   * What a peer may be sent unasked of the tree, below what it asked for: bytes, each node with `cidBytes` for its
   * name. So many nodes wait, and so many that were sent are remembered, should it ask for them meanwhile.
   */
  nodesBelowBytes: 256 * KIB,
  nodesBelow: KIB,
  /** Bytes of control messages waiting for a peer's socket before the session is ended: the peer does not read. */
  controlQueueBytes: 8 * MIB,
  /** Frames of unknown kind a peer may send in one session: a newer version sends some, a flood is cut. */
  unknownFrames: 1024,
  /**
   * Control messages of one session: so many at once, and so many a second on average. Asking for 64 KiB blocks one at
   * a time at 4 Gbit/s is 7,600 a second; what piles up while we are busy for two seconds comes at once.
   */
  messageBurst: 16 * KIB,
  /** Of a stranger from an address that floods came from lately, at least so many at once. */
  messageBurstLeast: 2 * KIB,
  messagesPerSec: 8192,
  /** What makes us answer at once, by a Reject or a sign of life, and each peer record, counts as so many more. */
  messagesPerAnswer: 16,
  /** So many indexes or CIDs count as one message more: each is a look-up, and perhaps part of an answer. */
  itemsPerMessage: 16,
  /** A peer has so long to say Hello, and to attach the data stream. */
  helloMs: 10_000,
  /** Streams waiting for their Hello or Attach at the same time, in all, and of one peer. */
  pendingHellos: 512,
  pendingHellosPerPeer: 64,
  /** Streams a peer may open: so many at once, and so many a second on average. One who pulls 256 models opens 512. */
  streamBurst: 1024,
  streamsPerSec: 64,
  /** Control streams (models) one connection may hold. */
  streamsPerConnection: 256,
  /** Connections one peer may hold: both sides dialling at once, on two addresses, make four. */
  connectionsPerPeer: 8,
  /** A connection without a session is closed after so long: peers hold one only for our protocol. */
  idleConnectionMs: 60_000,
  /**
   * Blocks, and their bytes, that were neither asked for nor cancelled, before the session is ended: what is on its way
   * when a pull ends is at most the credit (8 MiB).
   */
  unaskedBlocks: 1024,
  unaskedBytes: 64 * MIB,
  /** Peer records of one session that are looked at: so many at once, so many a second; others are skipped. */
  recordBurst: 512,
  recordsPerSec: 16,
  /** Peers of one model that are remembered to be dialled, and addresses of each: more are ignored, hints apart. */
  candidates: 2048,
  addrsPerCandidate: 8,
  /** Of them, those that one peer told of first and that were not dialled yet: more are ignored. */
  untriedPerTeller: 32,
  /** Peers remembered to have told of the same one. */
  tellersPerCandidate: 8,
  /** Peer records that were passed on, kept for who asks next. */
  keptRecords: 1024,
  /** Peers seen on the local network (mDNS): more are ignored. */
  nearbyPeers: 256,
  /** Streams of all protocols on one connection: ours, and identify. */
  muxedStreams: 4096,
  /** Connections from outside in their handshake: a flash crowd comes at once. */
  pendingConnections: 1024,
  /** Those of one address (IPv4, or a /64): who stays in the handshake must have eight to keep others out. */
  pendingConnectionsPerAddress: 128
} as const
