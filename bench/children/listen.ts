import type { Server } from 'node:net'

/** Listens on a free port of loopback; resolves to the port. */
export async function listen (server: Server): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (address === null || typeof address === 'string') reject(new Error('The server has no port'))
    else resolve(address.port)
  })
  return await promise
}
