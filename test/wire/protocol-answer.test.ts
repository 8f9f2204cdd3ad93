import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ModelswarmError } from '../../src/errors.ts'
import { encodeFrame } from '../../src/wire/codec.ts'
import { streamChannel } from '../../src/wire/channel.ts'
import { ProtocolAnswer, protocolLines } from '../../src/wire/protocol-answer.ts'
import { FakeStream } from './fake-stream.ts'
import type { Message } from '../../src/wire/messages.ts'

const PROTOCOL = '/modelswarm/control/1'
const LINES = Buffer.from(`\x13/multistream/1.0.0\n\x16${PROTOCOL}\n`)

describe('an answer that agrees', () => {
  it('is the lines of multistream-select', () => {
    expect(Buffer.from(protocolLines(PROTOCOL))).toEqual(LINES)
  })

  it('is taken off the stream wherever its bytes are cut, and told once', () => {
    const later = Buffer.from('what comes after')
    const all = Buffer.concat([LINES, later])
    fc.assert(fc.property(fc.uniqueArray(fc.nat({ max: all.byteLength }), { maxLength: 8 }), cuts => {
      let agreed = 0
      const answer = new ProtocolAnswer(PROTOCOL, () => { agreed++ })
      const places = [0, ...cuts.sort((a, b) => a - b), all.byteLength]
      const left = places.slice(1).map((end, i) => answer.take(all.subarray(places[i], end)))
      expect(Buffer.concat(left).toString()).toBe(later.toString())
      expect(agreed).toBe(1)
    }))
  })
})

describe('a channel of a protocol that the peer has not agreed to yet', () => {
  function open (): { stream: FakeStream, messages: Message[], ends: Array<Error | undefined>, agreed: () => number } {
    const stream = new FakeStream()
    let agreed = 0
    const messages: Message[] = []
    const ends: Array<Error | undefined> = []
    streamChannel(stream, 'control', new ProtocolAnswer(PROTOCOL, () => { agreed++ })).open({
      onMessage: message => { messages.push(message) },
      onBlockStart: () => true,
      onBlock: () => {},
      onUnknown: () => {},
      onBytes: () => {},
      onEnd: err => { ends.push(err) }
    })
    return { stream, messages, ends, agreed: () => agreed }
  }
  const alive: Message = { type: 'alive', answer: true }

  it('reads what comes behind the answer', () => {
    const { stream, messages, agreed } = open()
    stream.arrive(Buffer.concat([LINES.subarray(0, 5)]))
    expect(agreed()).toBe(0)
    stream.arrive(Buffer.concat([LINES.subarray(5), encodeFrame(alive)]))
    expect({ agreed: agreed(), messages }).toEqual({ agreed: 1, messages: [alive] })
  })

  it.each([
    ['na', '\x13/multistream/1.0.0\n\x03na\n'],
    ['another protocol', '\x13/multistream/1.0.0\n\x16/modelswarm/control/2\n'],
    ['another negotiation', '\x13/multistream/2.0.0\n']
  ])('ends with ERR_VERSION when the peer says %s', (_, text) => {
    const { stream, messages, ends } = open()
    stream.arrive(Buffer.from(text))
    expect(ends.map(err => err instanceof ModelswarmError ? err.code : err)).toEqual(['ERR_VERSION'])
    expect({ messages, status: stream.status }).toEqual({ messages: [], status: 'aborted' })
  })
})
