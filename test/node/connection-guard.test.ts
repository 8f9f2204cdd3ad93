import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { expect, it } from 'vitest'
import { FAREWELL_MS } from '../../src/machine-defaults.ts'
import { ConnectionGuard } from '../../src/node/connection-guard.ts'
import { Reputation } from '../../src/swarm/reputation.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { eventually } from './nodes.ts'
import { rawLibp2p } from './raw-libp2p.ts'

it('a connection guard that is stopped leaves no timer behind, nor a peer hung up on later', async () => {
  const [libp2p, other] = [await rawLibp2p(), await rawLibp2p()]
  const clock = new VirtualClock()
  const guard = new ConnectionGuard({ reputation: new Reputation({ now: clock.now }), clock })
  guard.watch(libp2p)
  await libp2p.dial(other.getMultiaddrs())
  guard.onRefused(other.peerId.toString())
  guard.onRefused(peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString())
  expect(libp2p.getConnections()).toHaveLength(1)
  await clock.run({ untilMs: FAREWELL_MS })
  await eventually(() => libp2p.getConnections().length === 0, 'the refused peer is hung up on')
  guard.onRefused(other.peerId.toString())
  guard.stop()
  expect(clock.pending).toBe(0)
})
