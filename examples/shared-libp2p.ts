// An application that has a libp2p node already: modelswarm adds its protocol to it and leaves the rest alone.
//
//   node dist/examples/shared-libp2p.js [PATH]
import { join } from 'node:path'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { createNode } from 'modelswarm'
import { LOOPBACK, modelPath, runExample, withTempFolder } from './arguments.ts'

await runExample(async () => {
  await withTempFolder(async dir => {
    const libp2p = await createLibp2p({
      addresses: { listen: LOOPBACK },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify() }
    })
    const node = await createNode({ dir: join(dir, 'application'), libp2p })
    const other = await createNode({ dir: join(dir, 'other'), listen: LOOPBACK })
    try {
      const model = await node.publish(await modelPath(process.argv[2], dir))
      console.log(`${libp2p.peerId.toString()} serves ${model.root}`)

      const pulled = await other.pull(model.link, join(dir, 'copy'))
      console.log(`pulled ${pulled.bytes} bytes over the application's own node`)

      await node.stop()
      console.log(`modelswarm has stopped, the application's node goes on: ${libp2p.status}`)
    } finally {
      await other.stop()
      await node.stop()
      await libp2p.stop()
    }
  })
})
