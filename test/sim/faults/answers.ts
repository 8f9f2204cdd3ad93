import { WIRE_LIMITS } from '../../../src/wire/limits.ts'
import type { BlockMessage, Message } from '../../../src/wire/messages.ts'

/** One direction of a line: what one side asked of the other. */
interface Asked {
  /** How often each block was asked for, and sent. */
  readonly asked: Map<number, number>
  readonly open: Set<number>
  readonly nodes: Set<string>
  /** How often each node was asked for, and not sent. */
  readonly askedNodes: Map<string, number>
  /** Nodes sent unasked, below others, and not asked for since; and how many bytes more may be. */
  readonly early: Set<string>
  belowBytes: number
  granted: number
  chosen: number
}

/** The requests on one line with their answers: nothing is sent that was not asked for, nothing asked for forgotten. */
export class Answers {
  readonly #by = new Map<string, Asked>()
  readonly #sizeOf: (block: number) => number

  constructor (sizeOf: (block: number) => number) {
    this.#sizeOf = sizeOf
  }

  /** What is wrong with it, in words. */
  onSend (from: string, to: string, message: Message): string | undefined {
    const ours = this.#of(from)
    const theirs = this.#of(to)
    switch (message.type) {
      case 'request':
        for (const index of message.indexes) {
          ours.asked.set(index, (ours.asked.get(index) ?? 0) + 1)
          ours.open.add(index)
        }
        for (const cid of message.cids) {
          const node = Buffer.from(cid).toString('hex')
          ours.askedNodes.set(node, (ours.askedNodes.get(node) ?? 0) + 1)
          // What came below another one crossed this, and answers it.
          if (!ours.early.delete(node)) ours.nodes.add(node)
        }
        ours.belowBytes += message.belowBytes ?? 0
        return undefined
      case 'cancel':
        for (const index of message.indexes) ours.open.delete(index)
        return undefined
      case 'have':
        for (const index of message.indexes) ours.open.delete(index)
        return undefined
      case 'want':
        ours.granted = Math.max(ours.granted, message.upTo)
        return undefined
      case 'reject':
        for (const index of message.indexes) theirs.open.delete(index)
        for (const cid of message.cids) theirs.nodes.delete(Buffer.from(cid).toString('hex'))
        return undefined
      case 'block': return this.#onBlock(theirs, message, to)
      case 'mode':
        if (message.given > theirs.granted) return `says it gave ${to} ${message.given} of ${theirs.granted} granted`
    }
    return undefined
  }

  /** All has been quiet: nothing is still to be answered. */
  * unanswered (): Generator<string> {
    for (const [id, { open, nodes }] of this.#by) {
      if (open.size > 0) yield `block ${[...open].slice(0, 5).join(' ')} was asked for by ${id} and never answered`
      if (nodes.size > 0) yield `a tree node was asked for by ${id} and never answered`
    }
  }

  #onBlock (theirs: Asked, { index, cid, payloadBytes }: BlockMessage, to: string): string | undefined {
    if (cid !== undefined) {
      const node = Buffer.from(cid).toString('hex')
      theirs.nodes.delete(node)
      const left = theirs.askedNodes.get(node) ?? 0
      theirs.askedNodes.set(node, Math.max(0, left - 1))
      if (left > 0) return undefined
      theirs.early.add(node)
      theirs.belowBytes -= payloadBytes + WIRE_LIMITS.cidBytes
      return theirs.belowBytes < 0 ? `sent ${to} more of the tree than it allowed` : undefined
    }
    theirs.open.delete(index)
    const left = theirs.asked.get(index) ?? 0
    if (left > 0) {
      theirs.asked.set(index, left - 1)
      return undefined
    }
    theirs.chosen += this.#sizeOf(index)
    return theirs.chosen > theirs.granted ? `sent block ${index} to ${to}, which did not ask for it` : undefined
  }

  #of (id: string): Asked {
    const known = this.#by.get(id)
    if (known !== undefined) return known
    const made: Asked = {
      asked: new Map(),
      open: new Set(),
      nodes: new Set(),
      askedNodes: new Map(),
      early: new Set(),
      belowBytes: 0,
      granted: 0,
      chosen: 0
    }
    this.#by.set(id, made)
    return made
  }
}
