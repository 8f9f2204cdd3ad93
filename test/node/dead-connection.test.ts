// A connection that looks open and leads nowhere: the machine behind it was switched off, or its process stands still.
import { CID } from 'multiformats/cid'
import { expect, it, onTestFinished, vi } from 'vitest'
import { Libp2pNetwork } from '../../src/node/network.ts'
import { clock, hash } from '../../src/node/ports.ts'
import { Discovery } from '../../src/swarm/discovery.ts'
import { Reception } from '../../src/swarm/reception.ts'
import { Reputation } from '../../src/swarm/reputation.ts'
import { Swarm } from '../../src/swarm/swarm.ts'
import { eventually } from './nodes.ts'
import { rawLibp2p } from './raw-libp2p.ts'

const ROOT = CID.parse('bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi')

it('a dead connection is given up after its time, and another takes its place', async () => {
  const [ours, theirs] = [await rawLibp2p(), await rawLibp2p()]
  const dead = await ours.dial(theirs.getMultiaddrs())
  const hang = vi.spyOn(dead, 'newStream').mockImplementation(async (_protocols, options) => {
    return await new Promise((_resolve, reject) => {
      options?.signal?.addEventListener('abort', () => { reject(new Error('aborted')) })
    })
  })
  // ten seconds pass at once, for the first stream only
  const hasty = {
    ...clock,
    setTimer: (ms: number, fn: () => void) => clock.setTimer(ms >= 10_000 && hang.mock.calls.length === 0 ? 10 : ms, fn)
  }
  const stopping = new AbortController()
  const ourId = ours.peerId.toString()
  const reputation = new Reputation({ now: hasty.now })
  const reception = new Reception({ ourId, roots: () => [], swarmOf: async () => undefined, clock: hasty, reputation })
  const { signal } = stopping
  const network = new Libp2pNetwork(ours, { clock: hasty, signal })
  const discovery = new Discovery({ network, reception, reputation, clock: hasty, random: Math.random, signal })
  onTestFinished(() => {
    stopping.abort()
    discovery.stop()
  })
  const search = discovery.search(new Swarm(ROOT, { clock: hasty, random: Math.random, hash }))
  const addrs = theirs.getMultiaddrs().map(String)
  search.add({ peerId: theirs.peerId.toString(), addrs, isHint: true })
  // the new one works: it says that nothing of ours is there
  await eventually(() => search.report()[0]?.trouble.kind === 'otherVersion', 'somebody answers')
  expect(hang).toHaveBeenCalledTimes(1)
  expect(dead.status).not.toBe('open')
})
