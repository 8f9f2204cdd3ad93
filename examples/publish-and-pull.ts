// Publishes a model from one node and pulls it with another.
//
//   node dist/examples/publish-and-pull.js [PATH]
import { join } from 'node:path'
import { createNode } from 'modelswarm'
import { LOOPBACK, modelPath, runExample, withTempFolder } from './arguments.ts'

await runExample(async () => {
  await withTempFolder(async dir => {
    const publisher = await createNode({ dir: join(dir, 'publisher'), listen: LOOPBACK })
    const puller = await createNode({ dir: join(dir, 'puller'), listen: LOOPBACK })
    try {
      const model = await publisher.publish(await modelPath(process.argv[2], dir))
      console.log(`published ${model.bytes} bytes in ${model.blocks} blocks as ${model.root}`)

      const pulled = await puller.pull(model.link, join(dir, 'copy'), {
        onProgress: event => {
          if (event.type === 'progress') console.log(`${event.bytes} of ${event.total} bytes from ${event.peers} peer(s)`)
        }
      })
      console.log(`pulled ${pulled.bytes} bytes in ${pulled.seconds.toFixed(2)} s:`)
      for (const file of pulled.files) console.log(`  ${file.path}  ${file.bytes} bytes`)
    } finally {
      await puller.stop()
      await publisher.stop()
    }
  })
})
