// Streams that speak our protocol before the other side has agreed to it, on libp2p's own connections.
import { describe, expect, it } from 'vitest'
import { openEarly } from '../../src/node/early-stream.ts'
import { streamChannel } from '../../src/wire/channel.ts'
import { ProtocolAnswer } from '../../src/wire/protocol-answer.ts'
import { CONTROL_PROTOCOL } from '../../src/wire/protocol.ts'
import { eventually } from './nodes.ts'
import { rawLibp2p } from './raw-libp2p.ts'
import type { Connection, Libp2p } from '@libp2p/interface'
import type { Channel } from '../../src/wire/channel.ts'
import type { Message } from '../../src/wire/messages.ts'

const MOST = 3

interface Heard {
  readonly messages: Message[]
  isAgreed: boolean
  end: Error | undefined | 'not yet'
}

function listen (channel: Channel): Heard {
  const heard: Heard = { messages: [], isAgreed: false, end: 'not yet' }
  channel.open({
    onMessage: message => { heard.messages.push(message) },
    onBlockStart: () => false,
    onBlock: () => {},
    onUnknown: () => {},
    onBytes: () => {},
    onEnd: err => { heard.end = err }
  })
  return heard
}

async function connected (): Promise<{ connection: Connection, theirs: Libp2p }> {
  const [ours, theirs] = [await rawLibp2p(), await rawLibp2p()]
  return { connection: await ours.dial(theirs.getMultiaddrs()), theirs }
}

async function openOn (connection: Connection): Promise<{ channel: Channel, heard: Heard }> {
  const stream = await openEarly(connection, CONTROL_PROTOCOL, MOST)
  if (stream === undefined) throw new Error('Nothing was opened early')
  const answer = new ProtocolAnswer(CONTROL_PROTOCOL, () => { heard.isAgreed = true })
  const channel = streamChannel(stream, 'control', answer)
  const heard = listen(channel)
  return { channel, heard }
}

describe('an early stream', () => {
  it('carries messages both ways that were said before the other side agreed', async () => {
    const { connection, theirs } = await connected()
    let far: Heard | undefined
    await theirs.handle(CONTROL_PROTOCOL, stream => {
      const channel = streamChannel(stream, 'control')
      far = listen(channel)
      channel.send({ type: 'alive', answer: true })
    })
    const { channel, heard } = await openOn(connection)
    channel.send({ type: 'alive', answer: false })
    channel.send({ type: 'have', indexes: [1, 2, 3] })
    await eventually(() => heard.messages.length === 1, 'the answer')
    expect(heard).toEqual({ messages: [{ type: 'alive', answer: true }], isAgreed: true, end: 'not yet' })
    await eventually(() => far?.messages.length === 2, 'what was said early')
    expect(far?.messages).toEqual([{ type: 'alive', answer: false }, { type: 'have', indexes: [1, 2, 3], queuedMs: undefined }])
  })

  it('ends with ERR_VERSION where nobody speaks the protocol', async () => {
    const { connection } = await connected()
    const { channel, heard } = await openOn(connection)
    channel.send({ type: 'alive', answer: false })
    await eventually(() => heard.end !== 'not yet', 'the end')
    expect(heard.end).toMatchObject({ code: 'ERR_VERSION' })
  })

  it('is not opened where there are many, or the connection is not one that we know', async () => {
    const { connection, theirs } = await connected()
    await theirs.handle(CONTROL_PROTOCOL, () => {})
    for (let i = 0; i < MOST; i++) expect(await openEarly(connection, CONTROL_PROTOCOL, MOST)).toBeDefined()
    expect(await openEarly(connection, CONTROL_PROTOCOL, MOST)).toBe(undefined)
    const { streams, status, limits, newStream } = connection
    const unlike: unknown = { streams: [], status, limits, newStream, other: streams }
    expect(await openEarly(unlike as Connection, CONTROL_PROTOCOL, MOST)).toBe(undefined)
    await connection.close()
    expect(await openEarly(connection, CONTROL_PROTOCOL, 9)).toBe(undefined)
  })
})
