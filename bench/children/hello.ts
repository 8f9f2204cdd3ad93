// Says hello to a node about a root and waits for its answer: the first thing any peer does.
import { multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'
import { generateKey, startLibp2p } from '../../src/node/libp2p.ts'
import { proofOf } from '../../src/swarm/proof.ts'
import { streamChannel } from '../../src/wire/channel.ts'
import { CONTROL_PROTOCOL, IDENTITY_ENCODING, Mode } from '../../src/wire/protocol.ts'
import { answer } from './answer.ts'
import type { Libp2p } from '@libp2p/interface'
import type { Message } from '../../src/wire/messages.ts'

let libp2p: Libp2p | undefined

answer({
  start: async () => {
    libp2p = await startLibp2p({
      key: await generateKey(), listen: ['/ip4/127.0.0.1/tcp/0'], announce: [], mdns: false, lastPort: undefined
    })
    return {}
  },
  /** `seconds` from dialling to the answer. */
  hello: async asked => {
    if (libp2p === undefined) throw new Error('Not started')
    const start = performance.now()
    const root = CID.parse(asked.text('root'))
    const connection = await libp2p.dial(multiaddr(asked.text('addr')))
    const channel = streamChannel(await connection.newStream(CONTROL_PROTOCOL), 'control')
    const first = Promise.withResolvers<Message>()
    channel.open({
      onMessage: first.resolve,
      onBlockStart: () => true,
      onBlock: () => {},
      onUnknown: () => {},
      onBytes: () => {},
      onEnd: err => { first.reject(err ?? new Error('The stream ended before an answer')) }
    })
    const proof = await proofOf(root, libp2p.peerId.toString(), connection.remotePeer.toString())
    const token = new Uint8Array(0)
    channel.send({ type: 'hello', proof, features: 0, encodings: [IDENTITY_ENCODING], mode: Mode.open, tree: false, token })
    const { type } = await first.promise
    if (type !== 'hello') throw new Error(`The node answered ${type} to hello`)
    const seconds = (performance.now() - start) / 1000
    await connection.close()
    return { seconds }
  }
})
