import { describe, expect, it } from 'vitest'
import { FIRST_DATA_WINDOW_BYTES } from '../../src/defaults.ts'
import { isModelswarmError } from '../../src/errors.ts'
import { streamChannel } from '../../src/wire/channel.ts'
import { encodeFrame } from '../../src/wire/codec.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { FakeStream } from './fake-stream.ts'
import type { ChannelKind, ChannelSink } from '../../src/wire/channel.ts'
import type { Message } from '../../src/wire/messages.ts'

const have: Message = { type: 'have', indexes: [1, 2] }
const block: Message = { type: 'block', index: 4, cid: undefined, payloadBytes: 3, encoding: 0 }
const payload = Uint8Array.of(7, 8, 9)

interface Opened {
  stream: FakeStream
  channel: ReturnType<typeof streamChannel>
  events: unknown[]
  ends: Array<Error | undefined>
}

function open (own: { stream?: FakeStream, kind?: ChannelKind, sink?: Partial<ChannelSink> } = {}): Opened {
  const stream = own.stream ?? new FakeStream()
  const channel = streamChannel(stream, own.kind ?? 'data')
  const events: unknown[] = []
  const ends: Array<Error | undefined> = []
  channel.open({
    onMessage: message => { events.push(message) },
    onBlockStart: () => {
      events.push('start')
      return true
    },
    onBlock: (_block, bytes) => { events.push([...bytes]) },
    onUnknown: () => { events.push('unknown') },
    onBytes: bytes => { events.push(bytes) },
    onEnd: err => { ends.push(err) },
    ...own.sink
  })
  return { stream, channel, events, ends }
}

async function microtasks (): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

/** How a promise stands, without waiting for it. */
async function stateOf (promise: Promise<unknown>): Promise<'waiting' | 'done' | 'failed'> {
  let state: 'waiting' | 'done' | 'failed' = 'waiting'
  promise.then(() => { state = 'done' }, () => { state = 'failed' })
  await microtasks()
  return state
}

/** The window of a yamux stream, and what it was told. */
class WindowedStream extends FakeStream {
  recvWindow = 256 * 1024
  recvWindowCapacity = this.recvWindow
  readonly updates: number[] = []

  sendWindowUpdate (): void {
    this.updates.push(this.recvWindow - this.recvWindowCapacity)
    this.recvWindowCapacity = this.recvWindow
  }

  /** So much was read. */
  take (bytes: number): void {
    this.recvWindowCapacity -= bytes
    this.sendWindowUpdate()
  }
}

describe('channel', () => {
  it('opens the window for two blocks, and then answers every half of it', () => {
    const stream = new WindowedStream()
    open({ stream })
    const more = FIRST_DATA_WINDOW_BYTES - 256 * 1024
    expect(stream.updates).toEqual([more])
    const half = FIRST_DATA_WINDOW_BYTES / 2
    stream.take(half - 1)
    stream.take(1)
    stream.take(half)
    expect(stream.updates).toEqual([more, half, half])
  })

  it('leaves the window of a control stream as it is', () => {
    const stream = new WindowedStream()
    open({ stream, kind: 'control' })
    expect(stream.updates).toEqual([])
    stream.take(128 * 1024)
    expect(stream.updates).toEqual([128 * 1024])
  })

  it('sends a frame and its payload in this order', () => {
    const { stream, channel } = open()
    expect(channel.send(block, payload)).toBe(true)
    expect([...stream.sent]).toEqual([...encodeFrame(block), ...payload])
  })

  it('hands over frames however their bytes arrive, and counts bytes before frames are whole', () => {
    const { stream, events } = open()
    const bytes = Uint8Array.from([...encodeFrame(have), ...encodeFrame(block), ...payload])
    stream.arrive(bytes.subarray(0, 3))
    stream.arrive(bytes.subarray(3, 10), bytes.subarray(10))
    expect(events).toEqual([3, bytes.byteLength - 3, have, 'start', [7, 8, 9]])
  })

  it('delivers what came before it was opened', async () => {
    const stream = new FakeStream()
    stream.arrive(encodeFrame(have))
    const { events } = open({ stream })
    await microtasks()
    expect(events).toContainEqual(have)
  })

  it('says when the transport is full, and is drained as often as it drains', async () => {
    const { stream, channel } = open({ stream: new FakeStream(5) })
    for (let round = 0; round < 3; round++) {
      expect(channel.send(block, payload)).toBe(false)
      const drained = channel.drained()
      expect(await stateOf(drained)).toBe('waiting')
      stream.drain()
      expect(await stateOf(drained)).toBe('done')
    }
    expect(stream.sent.byteLength).toBe(3 * (encodeFrame(block).byteLength + 3))
  })

  it('lets everybody who waits go on when it drains', async () => {
    const { stream, channel } = open({ stream: new FakeStream(1) })
    channel.send(have)
    const waiting = [channel.drained(), channel.drained()]
    stream.drain()
    expect(await Promise.all(waiting)).toHaveLength(2)
  })

  it('is not drained when the connection is and the stream is not: its own window is shut', async () => {
    const { stream, channel } = open({ stream: new FakeStream(1) })
    channel.send(have)
    const drained = channel.drained()
    stream.dispatchEvent(new Event('drain'))
    expect(await stateOf(drained)).toBe('waiting')
    stream.drain()
    expect(await stateOf(drained)).toBe('done')
  })

  it('is drained at once when the transport has room', async () => {
    await expect(open().channel.drained()).resolves.toBeUndefined()
  })

  it('fails those who wait for room when it ends', async () => {
    const { stream, channel } = open({ stream: new FakeStream(1) })
    channel.send(have)
    const drained = channel.drained()
    stream.reset()
    await expect(drained).rejects.toThrow()
    await expect(channel.drained()).rejects.toThrow()
  })

  it('ends cleanly when the other side closes between two frames, and closes its own side', async () => {
    const { stream, ends } = open()
    stream.arrive(encodeFrame(have))
    stream.remoteClose()
    await microtasks()
    expect({ ends, status: stream.status }).toEqual({ ends: [undefined], status: 'closed' })
  })

  it('ends with a lost peer when the other side closes inside a frame', () => {
    const { stream, ends } = open()
    stream.arrive(encodeFrame(have).subarray(0, 2))
    stream.remoteClose()
    expect(ends).toHaveLength(1)
    expect(isModelswarmError(ends[0], 'ERR_PEER_LOST')).toBe(true)
    expect(stream.status).toBe('aborted')
  })

  it('ends with a lost peer when it had ended inside a frame before it was opened', async () => {
    const stream = new FakeStream()
    stream.arrive(encodeFrame(have).subarray(0, 2))
    stream.remoteClose()
    const { ends } = open({ stream })
    await microtasks()
    expect(isModelswarmError(ends[0], 'ERR_PEER_LOST')).toBe(true)
  })

  it('delivers what a stream holds that was closed before it was opened, then ends cleanly', async () => {
    const stream = new FakeStream()
    stream.arrive(encodeFrame(have))
    stream.remoteClose()
    const { events, ends } = open({ stream })
    await microtasks()
    expect(events).toContainEqual(have)
    expect(ends).toEqual([undefined])
  })

  it('ends with the error of a reset, once', () => {
    const { stream, ends } = open()
    const err = new Error('reset by the test')
    stream.reset(err)
    stream.remoteClose()
    expect(ends).toEqual([err])
  })

  it('ends with the reason of an abort, once, and sends no more', () => {
    const { stream, channel, ends } = open()
    const err = new Error('aborted by the test')
    channel.abort(err)
    channel.abort(new Error('again'))
    expect(ends).toEqual([err])
    expect(channel.send(have)).toBe(false)
    expect(stream.sent.byteLength).toBe(0)
  })

  it('aborts the stream when bytes are no frame, and delivers nothing behind them', () => {
    const { stream, events, ends } = open()
    stream.arrive(Uint8Array.of(0xff, 0xff, 0xff, 0xff), encodeFrame(have))
    expect(isModelswarmError(ends[0], 'ERR_BAD_FRAME')).toBe(true)
    expect(isModelswarmError(stream.aborted, 'ERR_BAD_FRAME')).toBe(true)
    expect(events).not.toContainEqual(have)
  })

  it('aborts the stream with what the sink throws', () => {
    const err = new Error('refused by the test')
    const { ends, stream } = open({ sink: { onBlockStart: () => { throw err } } })
    stream.arrive(encodeFrame(block))
    expect(ends).toEqual([err])
  })

  it('takes a first header of helloBytes at most', () => {
    const { stream, ends } = open({ kind: 'control' })
    stream.arrive(Uint8Array.of(0x81, 0x20))
    expect(isModelswarmError(ends[0], 'ERR_BAD_FRAME')).toBe(true)
  })

  it('takes later headers as large as its kind has them', () => {
    const long = encodeFrame({ type: 'have', indexes: Array.from({ length: 1000 }, (_, i) => i) })
    for (const [kind, isRefused] of [['control', false], ['data', true]] as const) {
      const { stream, ends } = open({ kind })
      stream.arrive(encodeFrame(have))
      stream.arrive(long)
      expect(ends.length > 0).toBe(isRefused)
    }
  })

  it('ends the session of a peer that does not read its control stream', () => {
    const { channel, stream, ends } = open({ kind: 'control', stream: new FakeStream(1) })
    const long: Message = { type: 'peers', records: Array.from({ length: 32 }, () => new Uint8Array(4096)) }
    const fits = Math.ceil(WIRE_LIMITS.controlQueueBytes / encodeFrame(long).byteLength)
    for (let i = 0; i <= fits; i++) channel.send(long)
    expect(ends).toEqual([])
    channel.send(long)
    expect(isModelswarmError(ends[0], 'ERR_PROTOCOL')).toBe(true)
    expect(stream.status).toBe('aborted')
  })

  it('does not let libp2p end a quiet stream', () => {
    expect(open().stream.inactivityTimeout).toBeGreaterThan(24 * 3600 * 1000)
  })

  it('closes what is open, and sends no more', async () => {
    const { channel, stream } = open()
    await channel.close()
    expect(stream.closes).toBe(1)
    expect(channel.send(have)).toBe(false)
  })
})
