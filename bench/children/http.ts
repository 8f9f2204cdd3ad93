// Plain HTTP, as a central server gives a file to all who ask: the server, and clients that count and drop the bytes.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, get } from 'node:http'
import { answer } from './answer.ts'
import { listen } from './listen.ts'
import type { IncomingMessage } from 'node:http'

const READ_BYTES = 256 * 1024

answer({
  /** Serves one file, whatever is asked for. */
  serve: async asked => {
    const path = asked.text('path')
    const { size } = await stat(path)
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': size })
      createReadStream(path, { highWaterMark: READ_BYTES }).pipe(response)
    })
    return { port: await listen(server), bytes: size }
  },
  /** `seconds` from connecting to the last byte. */
  fetch: async asked => {
    const startMs = performance.now()
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    get({ host: '127.0.0.1', port: asked.number('port'), agent: false }, resolve).once('error', reject)
    let bytes = 0
    for await (const chunk of await promise) bytes += chunk instanceof Uint8Array ? chunk.byteLength : 0
    return { bytes, seconds: (performance.now() - startMs) / 1000 }
  }
})
