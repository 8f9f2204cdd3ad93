import { expect, it, onTestFinished } from 'vitest'
import { generateKey, startLibp2p } from '../../src/node/libp2p.ts'
import { Libp2pNetwork } from '../../src/node/network.ts'
import { clock } from '../../src/node/ports.ts'
import { KEEP_RECORD_MS } from '../../src/machine-defaults.ts'
import { eventually, LOOPBACK } from './nodes.ts'
import type { OwnLibp2p } from '../../src/node/libp2p.ts'

interface Side {
  libp2p: OwnLibp2p
  network: Libp2pNetwork
  id: string
  /** Whom it asked who they are. */
  asked: string[]
}

let laterMs = 0

async function side (): Promise<Side> {
  const libp2p = await startLibp2p({
    key: await generateKey(), listen: [LOOPBACK], announce: [], mdns: false, lastPort: undefined
  })
  const stopping = new AbortController()
  onTestFinished(async () => {
    laterMs = 0
    stopping.abort()
    await libp2p.stop()
  })
  const asked: string[] = []
  const network = new Libp2pNetwork(libp2p, {
    clock: { ...clock, now: () => clock.now() + laterMs },
    signal: stopping.signal,
    identify: async connection => {
      asked.push(connection.remotePeer.toString())
      return await libp2p.services.identify.identify(connection)
    }
  })
  return { libp2p, network, id: libp2p.peerId.toString(), asked }
}

async function dial (from: Side, to: Side): Promise<void> {
  await from.libp2p.dial(to.libp2p.getMultiaddrs())
}

async function recordOf (of: Side, at: Side): Promise<Uint8Array | undefined> {
  return await at.network.recordOf(of.id, '/ip4/127.0.0.1/tcp/1')
}

it('a stranger is asked who it is as it comes; who was dialled only when somebody wants to know', async () => {
  const [host, guest] = [await side(), await side()]
  await dial(guest, host)
  await eventually(async () => await recordOf(guest, host) !== undefined, 'the guest is known')
  expect(guest.asked).toEqual([])
  expect(await recordOf(host, guest)).toBeUndefined()

  await Promise.all([guest.network.identify(host.id), guest.network.identify(host.id)])
  expect(await recordOf(host, guest)).toBeDefined()
  expect([host.asked, guest.asked]).toEqual([[guest.id], [host.id]])
})

it('a record that was passed on is good for a while: its peer is not asked meanwhile', async () => {
  const [host, guest, third] = [await side(), await side(), await side()]
  await dial(guest, third)
  await eventually(async () => await recordOf(guest, third) !== undefined, 'the guest is known to a third')
  host.network.keepRecord(guest.id, await recordOf(guest, third) ?? new Uint8Array(0))

  await dial(guest, host)
  await eventually(() => host.libp2p.getConnections().length === 1, 'the guest has come')
  expect(await recordOf(guest, host)).toEqual(await recordOf(guest, third))
  expect(host.asked).toEqual([])

  laterMs = KEEP_RECORD_MS
  expect(await recordOf(guest, host)).toBeUndefined()
  await host.network.identify(guest.id)
  expect(await recordOf(guest, host)).toBeDefined()
})

it('a peer that cannot be asked is no error', async () => {
  const [host, guest] = [await side(), await side()]
  await host.network.identify(guest.id)
  await dial(host, guest)
  await guest.libp2p.unhandle('/ipfs/id/1.0.0')
  await host.network.identify(guest.id)
  expect(host.asked).toEqual([guest.id])
  expect(await recordOf(guest, host)).toBeUndefined()
})
