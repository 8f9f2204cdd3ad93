import { CID } from 'multiformats/cid'
import { LATE_NODES, NODE_ASK_AGAIN_MS, NODE_ASKED, NODE_TIMEOUT_MS } from '../defaults.ts'
import { digestOfCid } from '../model/block-id.ts'
import { verifyBytes } from '../model/verify.ts'
import { nodeKey } from './node-key.ts'
import { NodeSources } from './node-sources.ts'
import { NodesBelow } from './nodes-below.ts'
import type { Wish } from './node-sources.ts'
import type { Clock } from './ports.ts'
import type { Session } from './session.ts'
import type { Hash } from '../model/block-id.ts'

interface Wanted extends Wish {
  readonly cid: CID
  readonly promise: PromiseWithResolvers<Uint8Array>
  /** Whom it was asked of and since when, as far as they have not refused or been too slow. */
  readonly asked: Map<string, number>
  /** How many were too slow: each time, one more is asked at once. */
  timeouts: number
  /** Peers that were asked and have not answered: they may yet send it, each once. */
  readonly due: Set<string>
  /** Peers that would not give it, until when they are not asked again. */
  readonly refusedUntil: Map<string, number>
}

export interface TreeFetchParts {
  clock: Clock
  hash: Hash
  sessions: () => Iterable<Session>
  onBadNode: (session: Session, err: Error) => void
}

/** Fetches nodes of the tree by CID from whichever peers have it, and verifies each (I1). */
export class TreeFetch {
  readonly #parts: TreeFetchParts
  readonly #wanted = new Map<string, Wanted>()
  /** Answers that are due, by peer and node, to what somebody else has answered meanwhile. */
  readonly #late = new Set<string>()
  readonly #below = new NodesBelow()
  readonly #sources: NodeSources
  #cancelTimer: () => void = () => {}
  #stopped: Error | undefined
  /** Payload received. */
  receivedBytes = 0

  constructor (parts: TreeFetchParts) {
    this.#parts = parts
    this.#sources = new NodeSources(parts.sessions)
  }

  /**
   * Resolves with the nodes in order; waits for peers as long as it takes. `onFetched` is told of each as soon as it is
   * verified: many may come before the last, or the last never.
   */
  async fetch (
    cids: readonly CID[], onFetched: (cid: CID, bytes: Uint8Array) => void = () => {}
  ): Promise<Uint8Array[]> {
    if (this.#stopped !== undefined) throw this.#stopped
    const wanted = cids.map(cid => this.#want(cid))
    this.ask()
    return await Promise.all(wanted.map(async ({ cid, promise }) => {
      const bytes = await promise.promise
      onFetched(cid, bytes)
      return bytes
    }))
  }

  /**
   * A node begins to come: true when it is wanted, was asked of this peer and comes too late to be of use, or lies
   * below one that was asked of it.
   */
  onNodeStart ({ peerId }: Session, cidBytes: Uint8Array, bytes: number): boolean {
    const key = nodeKey(cidBytes)
    return this.#wanted.get(key)?.due.has(peerId) === true || this.#late.delete(lateKey(peerId, key)) ||
      this.#below.onStart(peerId, key, bytes) || this.#wanted.has(key)
  }

  onNode (session: Session, cidBytes: Uint8Array, payload: Uint8Array): void {
    const { peerId } = session
    const key = nodeKey(cidBytes)
    const wanted = this.#wanted.get(key)
    const isEarly = this.#below.isComing(peerId, key)
    if (wanted === undefined && !isEarly) {
      // Another peer's was verified while this one was on its way in.
      this.#late.delete(lateKey(peerId, key))
      return
    }
    this.receivedBytes += payload.byteLength
    wanted?.due.delete(peerId)
    this.#verify(cidBytes, payload, peerId).then(() => {
      this.#below.onEnd(peerId, key)
      this.#onVerified(peerId, key, { payload, isEarly })
    }, (err: unknown) => {
      this.#below.onEnd(peerId, key)
      const asked = this.#wanted.get(key)
      if (asked !== undefined) this.#refuse(asked, peerId, NODE_TIMEOUT_MS)
      this.#parts.onBadNode(session, err instanceof Error ? err : new Error('Node could not be verified'))
      this.ask()
    })
  }

  async #verify (cidBytes: Uint8Array, payload: Uint8Array, peerId: string): Promise<void> {
    await verifyBytes(payload, digestOfCid(CID.decode(cidBytes)), this.#parts.hash, peerId)
  }

  #onVerified (peerId: string, key: string, { payload, isEarly }: { payload: Uint8Array, isEarly: boolean }): void {
    const wanted = this.#wanted.get(key)
    this.#below.onGiven(peerId, payload)
    if (wanted === undefined) {
      if (isEarly) this.#below.keep(peerId, key, payload)
      return
    }
    this.#sources.onGave(peerId)
    this.#wanted.delete(key)
    for (const due of wanted.due) this.#late.add(lateKey(due, key))
    for (const oldest of this.#late) if (this.#late.size > LATE_NODES) this.#late.delete(oldest)
    wanted.promise.resolve(payload)
    this.ask()
  }

  onReject (session: Session, cids: readonly Uint8Array[], retryAfterMs: number): void {
    for (const cid of cids) {
      const wanted = this.#wanted.get(nodeKey(cid))
      wanted?.due.delete(session.peerId)
      if (wanted?.asked.has(session.peerId) !== true) continue
      this.#refuse(wanted, session.peerId, Math.max(NODE_ASK_AGAIN_MS, retryAfterMs))
    }
    this.ask()
  }

  onLeave (session: Session): void {
    for (const wanted of this.#wanted.values()) {
      wanted.refusedUntil.delete(session.peerId)
      wanted.due.delete(session.peerId)
      wanted.asked.delete(session.peerId)
    }
    this.#sources.leave(session.peerId)
    this.#below.leave(session.peerId)
    this.ask()
  }

  /**
   * Asks for what nobody has been asked for, evenly among the peers that have the tree: first those that were never too
   * slow. Who has given no node yet is waited for less long, and each time somebody was too slow one more is asked at
   * once: however many say that they have the tree and are silent, they do not keep it from us for long.
   */
  ask (): void {
    if (this.#stopped !== undefined || this.#wanted.size === 0) return
    const load = new Map<Session, Wanted[]>()
    const busy = this.#dropSlow()
    const now = this.#parts.clock.now()
    const peers = this.#sources.count
    for (const wanted of this.#wanted.values()) {
      while (wanted.asked.size < Math.min(1 + wanted.timeouts, NODE_ASKED)) {
        const session = this.#sources.choose(wanted, { busy, peers, now })
        if (session === undefined) break
        wanted.asked.set(session.peerId, now)
        wanted.due.add(session.peerId)
        busy.set(session.peerId, (busy.get(session.peerId) ?? 0) + 1)
        const asked = load.get(session)
        if (asked === undefined) load.set(session, [wanted])
        else asked.push(wanted)
      }
    }
    for (const [session, asked] of load) {
      const belowBytes = this.#below.allow(session.peerId, peers)
      session.send({ type: 'request', indexes: [], cids: asked.map(one => one.cid.bytes), belowBytes })
    }
    this.#cancelTimer()
    this.#cancelTimer = this.#parts.clock.setTimer(NODE_ASK_AGAIN_MS, () => { this.ask() })
  }

  /** The tree is known: nothing more is asked for. */
  onComplete (): void {
    this.#below.end()
  }

  stop (err: Error): void {
    this.#stopped ??= err
    this.#below.end()
    this.#cancelTimer()
    for (const wanted of this.#wanted.values()) wanted.promise.reject(err)
    this.#wanted.clear()
  }

  #want (cid: CID): Wanted {
    const key = nodeKey(cid.bytes)
    const known = this.#wanted.get(key)
    if (known !== undefined) return known
    const promise = Promise.withResolvers<Uint8Array>()
    // A stop may come before anybody waits on it.
    promise.promise.catch(() => {})
    const wanted: Wanted = {
      cid,
      promise,
      asked: new Map(),
      timeouts: 0,
      due: new Set(),
      refusedUntil: new Map(),
      likely: this.#below.likelySenderOf(key)
    }
    this.#wanted.set(key, wanted)
    // It came with a node above it, or is coming now.
    const early = this.#below.take(key)
    if (early !== undefined) {
      this.#onVerified(early.peerId, key, { payload: early.bytes, isEarly: false })
      return wanted
    }
    const sender = this.#below.senderOf(key)
    if (sender !== undefined) {
      wanted.asked.set(sender, this.#parts.clock.now())
      wanted.due.add(sender)
    }
    return wanted
  }

  /** Takes back what was asked too long ago. @returns how many nodes are still asked of each peer */
  #dropSlow (): Map<string, number> {
    const now = this.#parts.clock.now()
    const busy = new Map<string, number>()
    const slow = new Set<string>()
    for (const wanted of this.#wanted.values()) {
      for (const [peerId, since] of [...wanted.asked]) {
        if (now - since > this.#sources.patienceMs(peerId)) {
          this.#refuse(wanted, peerId, NODE_TIMEOUT_MS)
          wanted.timeouts++
          slow.add(peerId)
        } else {
          busy.set(peerId, (busy.get(peerId) ?? 0) + 1)
        }
      }
    }
    for (const peerId of slow) this.#sources.onSlow(peerId)
    return busy
  }

  /** Others are asked first; the same one again after a while, it may have it by then. */
  #refuse (wanted: Wanted, peerId: string, forMs: number): void {
    wanted.refusedUntil.set(peerId, this.#parts.clock.now() + forMs)
    wanted.asked.delete(peerId)
  }
}

function lateKey (peerId: string, key: string): string {
  return `${peerId} ${key}`
}
