// The committed bytes of every message, and of a proof. Changing a vector is changing the version: peers of version 1
// that are out there will not understand the new bytes. New messages and fields add vectors; old ones stay.
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { proofOf } from '../../src/swarm/proof.ts'
import { encodeFrame } from '../../src/wire/codec.ts'
import { FrameReader } from '../../src/wire/frame-reader.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import vectors from '../vectors/wire.json' with { type: 'json' }
import { CASES } from './messages.ts'
import type { Message } from '../../src/wire/messages.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const frames = new Map<string, string>(Object.entries(vectors.frames))

function read (bytes: Uint8Array): Array<Message | 'unknown'> {
  const seen: Array<Message | 'unknown'> = []
  const sink = {
    onMessage: (message: Message) => { seen.push(message) },
    onBlockStart: (block: Message) => {
      seen.push(block)
      return true
    },
    onBlock: () => {},
    onUnknown: () => { seen.push('unknown') }
  }
  new FrameReader(sink, WIRE_LIMITS.frameHeaderBytes, WIRE_LIMITS.frameHeaderBytes).push(bytes)
  return seen
}

describe('wire vectors', () => {
  it('are one for each case', () => {
    expect(Object.keys(vectors.frames)).toEqual(Object.keys(CASES))
  })

  it('cover every kind of message', () => {
    expect(new Set(Object.values(CASES).map(message => message.type))).toEqual(new Set(['hello', 'attach', 'holdings',
      'have', 'want', 'mode', 'request', 'block', 'reject', 'cancel', 'peers', 'alive', 'bye']))
  })

  for (const [name, message] of Object.entries(CASES)) {
    it(`are what is written and read: ${name}`, () => {
      expect(hex(encodeFrame(message))).toBe(frames.get(name))
      expect(read(Buffer.from(frames.get(name) ?? '', 'hex'))).toEqual([message])
    })
  }

  for (const [name, bytes] of Object.entries(vectors.unknown)) {
    it(`of a later version are skipped: ${name}`, () => {
      expect(read(Buffer.from(bytes, 'hex'))).toEqual(['unknown'])
    })
  }

  for (const [name, { frame, as }] of Object.entries(vectors.later)) {
    it(`with fields of a later version are read without them: ${name}`, () => {
      expect(read(Buffer.from(frame, 'hex'))).toEqual(read(Buffer.from(frames.get(as) ?? '', 'hex')))
    })
  }

  it('have a proof that is as ever', async () => {
    const { root, from, to, proof } = vectors.proof
    expect(hex(await proofOf(CID.parse(root), from, to))).toBe(proof)
  })
})
