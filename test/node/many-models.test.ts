// libp2p ends a connection on which more than ten streams begin before the other side is ready.
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { addrOf, printsOf, someFiles, startNode, target, writeFiles } from './nodes.ts'

it('many models are pulled from one peer at the same moment, over one connection that nobody has yet', async () => {
  const [publisher, puller] = [await startNode(), await startNode()]
  const sources: string[] = []
  for (let seed = 1; seed <= 16; seed++) sources.push(await writeFiles(someFiles(seed, 3000)))
  const roots: string[] = []
  for (const path of sources) roots.push((await publisher.publish(path)).root)
  const out = await target()
  const options = { peers: [addrOf(publisher)], giveUpSeconds: 20 }
  await Promise.all(roots.map(async (root, i) => await puller.pull(root, join(out, String(i)), options)))
  for (const [i, path] of sources.entries()) {
    expect(await printsOf(join(out, String(i)))).toEqual(await printsOf(path))
  }
})
