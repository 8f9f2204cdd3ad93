import { hash } from '../model/tree-fixtures.ts'
import { proofOf } from './instant-proof.ts'
import { MemoryChannel } from './memory-channel.ts'
import { pass } from './memory-node.ts'
import type { MemoryNode } from './memory-node.ts'
import type { Message } from '../../src/wire/messages.ts'

/** A peer that a test plays by hand: it says Hello and attaches as a peer does, then only what the test says. */
export class Puppet {
  readonly id: string
  readonly node: MemoryNode
  readonly control: MemoryChannel
  readonly data: MemoryChannel
  /** Blocks that came, by index, and tree nodes by the hex of their CID. */
  readonly blocks = new Map<number, Uint8Array>()

  constructor (node: MemoryNode, id: string, channels: { control: MemoryChannel, data: MemoryChannel }) {
    this.node = node
    this.id = id
    this.control = channels.control
    this.data = channels.data
  }

  /** Opens a session with a node. */
  static async meet (node: MemoryNode, own: { id?: string, mode?: number, tree?: boolean } = {}): Promise<Puppet> {
    const { id = 'puppet', mode = 0, tree = true } = own
    const [control, farControl] = MemoryChannel.pair(node.clock)
    const [data, farData] = MemoryChannel.pair(node.clock)
    const puppet = new Puppet(node, id, { control, data })
    node.reception.acceptControl(farControl, id).catch((err: unknown) => { throw err })
    const proof = await proofOf(node.swarm.root, id, node.id)
    control.listen({
      onMessage: message => {
        if (message.type === 'hello') {
          node.reception.acceptData(farData, id)
          data.send({ type: 'attach', token: message.token })
        }
      }
    })
    data.listen({ onBlock: (block, payload) => { puppet.blocks.set(block.index, payload) } })
    control.send({ type: 'hello', proof, features: 0, encodings: [0], mode, tree, token: new Uint8Array(0) })
    await puppet.wait(50)
    return puppet
  }

  get session (): NonNullable<ReturnType<MemoryNode['swarm']['sessions']['get']>> {
    const session = this.node.swarm.sessions.get(this.id)
    if (session === undefined) throw new Error('The session is over')
    return session
  }

  get isOver (): boolean {
    return !this.node.swarm.sessions.has(this.id)
  }

  get byes (): number[] {
    return this.of('bye').map(message => message.reason)
  }

  /** What it was sent of one kind, on either stream. */
  of<T extends Message['type']> (type: T): Array<Extract<Message, { type: T }>> {
    const isOfType = (message: Message): message is Extract<Message, { type: T }> => message.type === type
    return [...this.control.received, ...this.data.received].filter(isOfType)
  }

  say (message: Message): void {
    this.control.send(message)
  }

  /** Says that it holds these blocks, or all. */
  hold (held: Iterable<number> | 'all'): void {
    const { blockCount } = this.node.model.manifest
    const bits = new Uint8Array(Math.ceil(blockCount / 8))
    if (held !== 'all') for (const block of held) bits[block >> 3] = (bits[block >> 3] ?? 0) | (1 << (block & 7))
    this.say({
      type: 'holdings',
      blocks: blockCount,
      all: held === 'all',
      bits: held === 'all' ? new Uint8Array(0) : bits,
      unwanted: new Uint8Array(0)
    })
  }

  /** Sends a block, with its own bytes or others. */
  give (index: number, own: { bytes?: Uint8Array, encoding?: number } = {}): void {
    const { manifest, store } = this.node.model
    const payload = own.bytes ?? store.bytes(manifest.cid(index))
    const { encoding = 0 } = own
    this.data.send({ type: 'block', index, cid: undefined, payloadBytes: payload.byteLength, encoding }, payload)
  }

  /** Sends the header of a block; the function that comes back sends its payload, its own or another. */
  begin (index: number): (payload?: Uint8Array) => void {
    const { manifest, store } = this.node.model
    const own = store.bytes(manifest.cid(index))
    this.data.send({ type: 'block', index, cid: undefined, payloadBytes: own.byteLength, encoding: 0 })
    return (payload = own) => { this.data.sendBytes(payload.slice()) }
  }

  /** Answers requests for tree nodes like a peer that has the tree; other requests are left to the test. */
  async giveTree (): Promise<void> {
    for (let answered = 0; answered < this.of('request').length;) {
      for (const cid of this.of('request')[answered++]?.cids ?? []) this.sendNode(cid)
      await this.wait(50)
    }
  }

  /** Sends one node of the tree. */
  sendNode (cid: Uint8Array | undefined): void {
    const payload = [...this.node.model.store.blocks.values()].find(bytes => cid !== undefined && isNamed(bytes, cid))
    if (cid === undefined || payload === undefined) throw new Error('Asked for a node that is not in the tree')
    this.data.send({ type: 'block', index: 0, cid, payloadBytes: payload.byteLength, encoding: 0 }, payload)
  }

  async wait (ms: number): Promise<void> {
    await pass(this.node.clock, ms)
  }
}

const digests = new Map<Uint8Array, string>()

function isNamed (bytes: Uint8Array, cid: Uint8Array): boolean {
  return digests.get(bytes) === Buffer.from(cid.subarray(-32)).toString('hex')
}

/** Reads the names of all blocks and nodes once, so that puppets can answer by CID. */
export async function learnNames (node: MemoryNode): Promise<void> {
  for (const bytes of node.model.store.blocks.values()) digests.set(bytes, Buffer.from(await hash(bytes)).toString('hex'))
}
