// A small HTTP service that pulls its model when it starts. It answers at once; a load balancer sees at /readyz when it
// can be sent work, a person sees at /progress how far it is. It serves the model to others as long as it runs.
//
//   node dist/examples/embedded.js [LINK DIR] [--port N] [--once]
//
// Without a link it pulls a model that it made itself. With --once it ends as soon as it is ready.
import { createServer } from 'node:http'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createNode } from 'modelswarm'
import { LOOPBACK, modelPath, runExample, withTempFolder } from './arguments.ts'
import type { PullEvent } from 'modelswarm'
import type { Server } from 'node:http'

await runExample(async () => {
  const { values, positionals: [link, dir] } = parseArgs({
    allowPositionals: true,
    options: { port: { type: 'string', default: '0' }, once: { type: 'boolean', default: false } }
  })
  const stopping = new AbortController()
  process.once('SIGINT', () => { stopping.abort() })
  process.once('SIGTERM', () => { stopping.abort() })

  await withTempFolder(async temp => {
    const own = link === undefined ? await publishToy(temp) : undefined
    try {
      await serve({
        link: link ?? own?.link ?? '',
        dir: dir ?? join(temp, 'model'),
        state: join(temp, 'state'),
        port: Number(values.port),
        once: values.once,
        signal: stopping.signal
      })
    } finally {
      await own?.stop()
    }
  })
})

interface ServiceOptions {
  link: string
  dir: string
  state: string
  port: number
  once: boolean
  signal: AbortSignal
}

async function serve ({ link, dir, state, port, once, signal }: ServiceOptions): Promise<void> {
  let latest: PullEvent | undefined
  let ready = false
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    if (request.url === '/readyz') {
      response.statusCode = ready ? 200 : 503
      response.end(JSON.stringify({ ready }))
    } else if (request.url === '/progress') {
      response.end(JSON.stringify(latest ?? { type: 'starting' }))
    } else {
      response.statusCode = 404
      response.end('{}')
    }
  })
  const url = await listenOn(server, port)
  const node = await createNode({ dir: state, listen: LOOPBACK })
  try {
    console.log(`listening on ${url}, readiness ${await readiness(url)}`)
    await node.pull(link, dir, { signal, onProgress: event => { latest = event } })
    ready = true
    console.log(`the model is in ${dir}, readiness ${await readiness(url)}`)
    if (!once) await new Promise<void>(resolve => { signal.addEventListener('abort', () => { resolve() }) })
  } catch (err) {
    // told to stop before the model was there: the next start goes on where this one ended
    if (!signal.aborted) throw err
  } finally {
    server.closeAllConnections()
    server.close()
    await node.stop()
  }
}

async function listenOn (server: Server, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The service has no port')
  return `http://127.0.0.1:${address.port}`
}

async function readiness (url: string): Promise<number> {
  return (await fetch(`${url}/readyz`)).status
}

async function publishToy (temp: string): Promise<{ link: string, stop: () => Promise<void> }> {
  const node = await createNode({ dir: join(temp, 'publisher'), listen: LOOPBACK })
  try {
    const { link } = await node.publish(await modelPath(undefined, temp))
    return { link, stop: async () => { await node.stop() } }
  } catch (err) {
    await node.stop()
    throw err
  }
}
