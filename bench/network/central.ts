import { join } from 'node:path'
import { numberOf } from '../child.ts'
import { Star } from './star.ts'
import type { BenchOptions, NetworkOptions } from '../bench.ts'
import type { MadeModel } from '../workspace.ts'

/** The file of a model that is nearly all of it. */
export const WEIGHTS = 'model.safetensors'

export interface Download {
  bytes: number
  /** From connecting to the last byte. */
  seconds: number
}

/** One TCP connection between two processes, the network to itself: what the shaper gives at best. */
export async function oneStream ({ start }: BenchOptions, network: NetworkOptions, bytes: number): Promise<Download> {
  const star = await Star.start(start, network)
  const [sender, receiver] = [start('tcp'), start('tcp')]
  const port = numberOf(await sender.ask('listen', { bytes }), 'port')
  const from = { node: await star.addNode(), port }
  const door = await star.openDoor(await star.addNode(), from)
  const seconds = numberOf(await receiver.ask('receive', { port: door, bytes }), 'seconds')
  await Promise.all([sender, receiver, star].map(async one => { await one.stop() }))
  return { bytes, seconds }
}

/** Every peer downloads the weights from one HTTP server, all at once; when each had them, rising. */
export async function centralHttp (
  { start }: BenchOptions, network: NetworkOptions, model: MadeModel
): Promise<Download[]> {
  const star = await Star.start(start, network)
  const server = start('http')
  const clients = start('http')
  const port = numberOf(await server.ask('serve', { path: join(model.path, WEIGHTS) }), 'port')
  const place = { node: await star.addNode(), port }
  const doors: number[] = []
  for (let i = 0; i < network.peers; i++) doors.push(await star.openDoor(await star.addNode(), place))
  const downloads = await Promise.all(doors.map(async door => {
    const reply = await clients.ask('fetch', { port: door })
    return { bytes: numberOf(reply, 'bytes'), seconds: numberOf(reply, 'seconds') }
  }))
  await Promise.all([server, clients, star].map(async one => { await one.stop() }))
  return downloads.sort((a, b) => a.seconds - b.seconds)
}
