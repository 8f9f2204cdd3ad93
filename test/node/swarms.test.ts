// What a node tells its swarms of files that other processes find rotten.
import { CID } from 'multiformats/cid'
import { expect, it, onTestFinished } from 'vitest'
import { RECORDS_LOOK_MS } from '../../src/defaults.ts'
import { FileReaders } from '../../src/files/reader.ts'
import { createNode } from '../../src/index.ts'
import { hash } from '../../src/node/ports.ts'
import { NodeSwarms } from '../../src/node/swarms.ts'
import { openStore } from '../../src/store/open-store.ts'
import { Swarm } from '../../src/swarm/swarm.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { noise } from '../model/tree-fixtures.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { eventually, LOOPBACK, writeFiles } from './nodes.ts'

it('what was found of a file during a failed pull of its model is heeded after it', async () => {
  const dir = await tempFolder()
  const model = await writeFiles({ 'w.bin': noise(1, 300_000) })
  const publisher = await createNode({ dir, listen: [LOOPBACK] })
  const root = CID.parse((await publisher.publish(model)).root)
  await publisher.stop()
  const [store, readers, clock] = [await openStore(dir), new FileReaders(), new VirtualClock()]
  const newSwarm = (of: CID): Swarm => new Swarm(of, { clock: new VirtualClock(), random: Math.random, hash })
  const swarms = new NodeSwarms({ store, readers, hash, clock, newSwarm, discovery: { stopSearch: () => {} } })
  onTestFinished(async () => {
    await swarms.stop()
    await readers.close()
    await store.close()
  })
  const look = async (): Promise<void> => {
    await clock.run({ untilMs: clock.now() + RECORDS_LOOK_MS })
    await eventually(() => clock.pending === 1, 'the next look is due')
  }
  const swarm = await swarms.swarmOf(root)
  await eventually(() => swarm?.held?.isFull === true, 'the model is served')

  const pulling = await swarms.beginPull(root)
  expect(pulling).toBe(swarm)
  await expect(swarms.beginPull(root)).rejects.toMatchObject({
    code: 'ERR_TARGET_BUSY', message: expect.stringMatching(/wait until it is done, or pull .* with another node or process/)
  })
  const [file] = store.models.get(root.toString()).flatMap(record => record.files)
  if (file === undefined) throw new Error('The model has no record')
  await store.disbelieve(file.absolute, file.identity)
  await look()
  expect(swarm?.held?.isFull).toBe(true)
  await swarms.endPull(pulling, false)
  await look()
  expect(swarm?.held?.isFull).toBe(false)
})
