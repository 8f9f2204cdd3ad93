// A connection that looks open and leads nowhere: the machine behind it was switched off, or its process stands still.
import { CID } from 'multiformats/cid'
import { expect, it, onTestFinished, vi } from 'vitest'
import { OPEN_STREAM_MS } from '../../src/defaults.ts'
import { Libp2pNetwork } from '../../src/node/network.ts'
import { clock, hash } from '../../src/node/ports.ts'
import { Discovery } from '../../src/swarm/discovery.ts'
import { Reception } from '../../src/swarm/reception.ts'
import { Reputation } from '../../src/swarm/reputation.ts'
import { Swarm } from '../../src/swarm/swarm.ts'
import { eventually } from './nodes.ts'
import { FakeStream } from '../wire/fake-stream.ts'
import { rawLibp2p } from './raw-libp2p.ts'
import type { Stream } from '@libp2p/interface'

function isMuxer (value: unknown): value is { createStream: (options: object) => Promise<Stream> } {
  return typeof value === 'object' && value !== null && 'createStream' in value
}

const ROOT = CID.parse('bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi')

it('a dead connection is given up after its time, and another takes its place', async () => {
  // No stream is opened but ours.
  const [ours, theirs] = [await rawLibp2p({ identifies: false }), await rawLibp2p({ identifies: false })]
  const dead = await ours.dial(theirs.getMultiaddrs())
  const nowhere = Object.assign(new FakeStream(), { protocol: '' })
  dead.addEventListener('close', () => { nowhere.reset() })
  const muxer: unknown = Reflect.get(dead, 'muxer')
  if (!isMuxer(muxer)) throw new Error('The connection has no muxer that we know')
  const hang = vi.spyOn(muxer, 'createStream').mockResolvedValue(nowhere)
  // ten seconds pass at once, for the first stream only
  let isOver = false
  const hasty = {
    ...clock,
    setTimer: (ms: number, fn: () => void) => {
      const isFirst = ms === OPEN_STREAM_MS && hang.mock.calls.length > 0 && !isOver
      isOver ||= isFirst
      return clock.setTimer(isFirst ? 10 : ms, fn)
    }
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
  // both streams of one session at most: the second may come too late
  expect(hang.mock.calls.length).toBeLessThanOrEqual(2)
  expect(nowhere.sent.byteLength).toBeGreaterThan(0)
  expect(dead.status).not.toBe('open')
})
