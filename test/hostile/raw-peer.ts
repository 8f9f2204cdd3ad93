// A raw libp2p node that speaks our protocol by hand, for tests and the bench of hostile peers: the honest part with
// the real codec, then whatever the caller says. Knows nothing of vitest, sessions, limits or schedulers.
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { proofOf } from '../../src/swarm/proof.ts'
import { encodeFrame } from '../../src/wire/codec.ts'
import { FrameReader } from '../../src/wire/frame-reader.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import { CONTROL_PROTOCOL, DATA_PROTOCOL } from '../../src/wire/protocol.ts'
import type { HelloMessage, Message, RequestMessage } from '../../src/wire/messages.ts'
import type { Libp2p, Stream } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'

export const EMPTY = new Uint8Array(0)

export interface RawPeerOptions {
  /** Default: false. */
  isListening?: boolean
}

export class RawPeer {
  readonly libp2p: Libp2p

  private constructor (libp2p: Libp2p) {
    this.libp2p = libp2p
  }

  static async start ({ isListening = false }: RawPeerOptions = {}): Promise<RawPeer> {
    return new RawPeer(await createLibp2p({
      addresses: { listen: isListening ? ['/ip4/127.0.0.1/tcp/0'] : [] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ maxInboundStreams: 10_000, maxOutboundStreams: 10_000 })],
      services: { identify: identify() },
      connectionMonitor: { enabled: false },
      connectionManager: { maxConnections: 10_000 }
    }))
  }

  get id (): string {
    return this.libp2p.peerId.toString()
  }

  get addr (): string {
    return String(this.libp2p.getMultiaddrs()[0])
  }

  get isConnected (): boolean {
    return this.libp2p.getConnections().some(({ status }) => status === 'open')
  }

  async stop (): Promise<void> {
    await this.libp2p.stop()
  }

  async open (addr: string, protocol: string): Promise<RawStream> {
    const limits = { maxOutboundStreams: 10_000 }
    return new RawStream(await this.libp2p.dialProtocol(multiaddr(addr), protocol, limits))
  }

  /** Our Hello to a node, with the right proof. */
  async hello (root: CID, theirId: string, own: Partial<HelloMessage> = {}): Promise<HelloMessage> {
    const proof = await proofOf(root, this.id, theirId)
    return { type: 'hello', proof, features: 0, encodings: [0], mode: 0, tree: true, token: EMPTY, ...own }
  }

  /** A session with a node, as an honest opener begins it: Hello, its answer, Attach. */
  async meet (addr: string, root: CID, own: Partial<HelloMessage> = {}): Promise<RawSession> {
    const control = await this.open(addr, CONTROL_PROTOCOL)
    control.send(await this.hello(root, idIn(addr), own))
    const answer = await control.next('hello')
    const data = await this.open(addr, DATA_PROTOCOL)
    data.send({ type: 'attach', token: answer.token })
    return new RawSession(control, data)
  }

  /** Lets nodes open sessions about this root here, and answers as `act` says. */
  async serve (root: CID, act: (session: RawSession) => void, own: Partial<HelloMessage> = {}): Promise<void> {
    const opened = new Map<string, RawStream>()
    const token = Uint8Array.from({ length: 16 }, (_, i) => i)
    await this.libp2p.handle(CONTROL_PROTOCOL, async (stream, connection) => {
      const control = new RawStream(stream)
      opened.set(connection.remotePeer.toString(), control)
      await control.next('hello')
      control.send(await this.hello(root, connection.remotePeer.toString(), { token, ...own }))
    })
    await this.libp2p.handle(DATA_PROTOCOL, async (stream, connection) => {
      const data = new RawStream(stream)
      await data.next('attach')
      const control = opened.get(connection.remotePeer.toString())
      if (control !== undefined) act(new RawSession(control, data))
    })
  }
}

/** Both streams of a session. */
export class RawSession {
  readonly control: RawStream
  readonly data: RawStream

  constructor (control: RawStream, data: RawStream) {
    this.control = control
    this.data = data
  }

  /** The reason of the Bye that ended it; undefined when it ended without. */
  async bye (): Promise<number | undefined> {
    await this.control.ended
    return this.control.all('bye')[0]?.reason
  }

  /** Says that it holds everything of a model of so many blocks, or nothing. */
  hold (blocks: number, all: boolean): void {
    this.control.send({ type: 'holdings', blocks, all, bits: EMPTY, unwanted: EMPTY })
  }

  give (index: number, payload: Uint8Array): void {
    this.data.send({ type: 'block', index, cid: undefined, payloadBytes: payload.byteLength, encoding: 0 }, payload)
  }

  giveNode (cid: Uint8Array, payload: Uint8Array): void {
    this.data.send({ type: 'block', index: 0, cid, payloadBytes: payload.byteLength, encoding: 0 }, payload)
  }

  /** Answers each request, those that have come too. */
  onRequest (answer: (request: RequestMessage) => void): void {
    this.control.onMessage = message => { if (message.type === 'request') answer(message) }
    for (const request of this.control.all('request')) answer(request)
  }
}

/** One stream, read with the real codec, written to in any way. */
export class RawStream {
  readonly stream: Stream
  readonly received: Message[] = []
  /** Blocks that came. */
  blocks = 0
  /** Resolves with its end, however it ends. */
  readonly ended: Promise<void>
  isEnded = false
  onMessage: (message: Message) => void = () => {}
  #wake: () => void = () => {}

  constructor (stream: Stream) {
    this.stream = stream
    stream.inactivityTimeout = 2 ** 31 - 1
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    const end = (): void => {
      this.isEnded = true
      this.#wake()
      resolve()
    }
    const reader = new FrameReader({
      onMessage: message => {
        this.received.push(message)
        this.onMessage(message)
        this.#wake()
      },
      onBlockStart: () => true,
      onBlock: () => { this.blocks++ },
      onUnknown: () => {}
    }, WIRE_LIMITS.frameHeaderBytes, WIRE_LIMITS.frameHeaderBytes)
    stream.addEventListener('message', ({ data }) => {
      for (const chunk of data instanceof Uint8Array ? [data] : data) reader.push(chunk)
    })
    stream.addEventListener('drain', () => { this.#wake() })
    stream.addEventListener('close', end)
    stream.addEventListener('remoteCloseWrite', () => {
      end()
      stream.close().catch(() => { /* it is gone */ })
    })
    if (stream.status !== 'open') end()
  }

  all<T extends Message['type']> (type: T): Array<Extract<Message, { type: T }>> {
    const isOfType = (message: Message): message is Extract<Message, { type: T }> => message.type === type
    return this.received.filter(isOfType)
  }

  /** The first message of a kind. @throws Error when the stream ends without */
  async next<T extends Message['type']> (type: T): Promise<Extract<Message, { type: T }>> {
    for (;;) {
      const [found] = this.all(type)
      if (found !== undefined) return found
      if (this.isEnded) throw new Error(`The stream ended without ${type}`)
      await this.#woken()
    }
  }

  send (message: Message, payload: Uint8Array = EMPTY): void {
    this.sendBytes(Uint8Array.from([...encodeFrame(message)]), payload)
  }

  /** Bytes as they are. Nothing when the stream is over: a hostile peer does not care. */
  sendBytes (...parts: Uint8Array[]): void {
    for (const bytes of parts) if (bytes.byteLength > 0 && this.stream.writeStatus === 'writable') this.stream.send(bytes)
  }

  /** From now on the other side may send what fits yamux's window, and no more: so many bytes. */
  stopReading (): number {
    Reflect.set(this.stream, 'sendWindowUpdate', () => {})
    return Number(Reflect.get(this.stream, 'recvWindow'))
  }

  /** Sends the same bytes so many times, as fast as the stream takes them, until it ends. */
  async pour (bytes: Uint8Array, times: number): Promise<void> {
    for (let i = 0; i < times && !this.isEnded && this.stream.writeStatus === 'writable'; i++) {
      this.stream.send(bytes)
      if (this.stream.writableNeedsDrain) await this.#woken()
      else if (i % 64 === 63) await new Promise(resolve => { setImmediate(resolve) })
    }
  }

  async #woken (): Promise<void> {
    await new Promise<void>(resolve => { this.#wake = resolve })
  }
}

/** The peer id at the end of an address. */
export function idIn (addr: string): string {
  const [, id] = /\/p2p\/([^/]+)$/.exec(addr) ?? []
  if (id === undefined) throw new Error(`No peer id in ${addr}`)
  return id
}
