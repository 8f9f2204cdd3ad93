import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { expect, it } from 'vitest'
import { FORGET_PEERS_MS } from '../../src/machine-defaults.ts'
import { forgetPeers } from '../../src/node/forget-peers.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { eventually } from './nodes.ts'
import { rawLibp2p } from './raw-libp2p.ts'

it('libp2p forgets peers that left or were dialled in vain, not those that are connected', async () => {
  const [libp2p, stays, leaves] = [await rawLibp2p(), await rawLibp2p(), await rawLibp2p()]
  const clock = new VirtualClock()
  const stop = forgetPeers(libp2p, clock)
  await libp2p.dial(stays.getMultiaddrs())
  await libp2p.dial(leaves.getMultiaddrs())
  const knows = async (): Promise<boolean[]> =>
    await Promise.all([stays, leaves].map(async ({ peerId }) => await libp2p.peerStore.has(peerId)))
  await eventually(async () => (await knows()).every(known => known), 'both are known')
  await leaves.stop()
  await eventually(async () => !(await knows())[1], 'who left is forgotten')
  const dialled = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  await libp2p.peerStore.merge(dialled, { metadata: {} })
  await clock.run({ untilMs: FORGET_PEERS_MS })
  await eventually(async () => !await libp2p.peerStore.has(dialled), 'who was dialled in vain is forgotten')
  expect(await knows()).toEqual([true, false])
  stop()
  expect(clock.pending).toBe(0)
})
